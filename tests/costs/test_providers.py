"""The ids of charges as the inventory writes them, so that a charge finds its resource."""

from __future__ import annotations

import pytest

from app.costs.providers import account_key, resource_key

DISK = "/subscriptions/1/resourceGroups/RG-Office/providers/Microsoft.Compute/disks/Data-1"
DATASET = "//bigquery.googleapis.com/projects/lake/datasets/RawEvents"
DATABASE = "arn:aws:rds:eu-west-1:000000000101:db:Orders"


@pytest.mark.parametrize(
    ("resource_id", "key"),
    [
        (DISK, DISK.lower()),
        (DATASET, DATASET),
        ("arn:aws:ec2:eu-west-1:000000000101:natgateway/nat-1", "nat-1"),
        ("arn:aws:s3:::Assets", "Assets"),
        (DATABASE, DATABASE),
        ("i-1", "i-1"),
        ("", ""),
    ],
)
def test_the_id_of_a_charge_in_the_inventory(resource_id: str, key: str) -> None:
    assert resource_key(resource_id) == key
    assert resource_key(key) == key


@pytest.mark.parametrize(
    ("sub_account_id", "key"),
    [
        ("/subscriptions/64E355D7-997c-491d-b0c1-8414dccfcf42", "64e355d7-997c-491d-b0c1-8414dccfcf42"),
        ("64e355d7-997c-491d-b0c1-8414dccfcf42", "64e355d7-997c-491d-b0c1-8414dccfcf42"),
        ("/subscriptions/1/resourceGroups/Office", "/subscriptions/1/resourceGroups/Office"),
        ("000000000101", "000000000101"),
        ("ocid6.tenancy.oc6..Aa", "ocid6.tenancy.oc6..Aa"),
        ("", ""),
    ],
)
def test_the_account_of_a_charge(sub_account_id: str, key: str) -> None:
    assert account_key(sub_account_id) == key
    assert account_key(key) == key
