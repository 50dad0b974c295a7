"""The check of projects that nobody attends to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.detection.checks.gcp_projects import PROJECT
from app.detection.facts import Subject
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject


def project(status: str | None = "ACTIVE", **properties: Any) -> Subject:
    name = "//cloudresourcemanager.googleapis.com/projects/123456789012"
    return subject(PROJECT, name, status=status, region="global", properties=properties)


def case(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("gcp.project.unattended", proves, given, expected, amount, **values)


LONG_SINCE = replace(project(unattended=True), changed_at={"unattended": ago(40)})
CASES = [
    case("found", project(unattended=True), FOUND, "unknown"),
    case("found", LONG_SINCE, FOUND, "unknown"),
    case("a state that is not told", project(None, unattended=True), FOUND, "unknown"),
    case("clear", project(unattended=False), CLEAR),
    case("being deleted already", project("DELETE_REQUESTED", unattended=True), CLEAR),
    case("being deleted, and so not asked about", project("DELETE_REQUESTED"), CLEAR),
    case("what could not be read", project(unreadable=["unattended"]), UNKNOWN),
    case("what no scan has asked yet", project(), UNKNOWN),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_projects(case: Case) -> None:
    case.verify()
