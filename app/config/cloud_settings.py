"""Settings of what reaches out: accounts of clouds, their credentials, webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode


class CloudSettings(BaseSettings):
    """A part of Settings."""

    credential_keys: SecretStr | None = Field(
        default=None,
        description="Keys that seal the credentials of accounts, `id:base64url` of 32 bytes, separated by commas: the "
        "first seals, the others only open. Generated in the data folder in development.",
    )
    endpoint_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts, or `host:port`, that endpoints of accounts may name beside the providers' own, over http "
        "too: private endpoints and emulators, separated by commas. An STS there also gets the calls that are "
        "signed with Skyledger's own credentials.",
    )
    outgoing_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks, such as `10.20.0.0/16`, that requests to addresses of tenants' choosing may reach "
        "beside the public internet, separated by commas: webhooks, without TLS too, and providers of single sign-on, "
        "without TLS in development alone. `127.0.0.0/8` is for development.",
    )
    webhook_retention_days: int = Field(
        default=30, ge=1, le=400, description="Days that deliveries of webhooks are kept with their attempts."
    )
    workload_identity_dir: Path | None = Field(
        default=None,
        description="Folder of the tokens for GCP workload identity: an organization's configuration may name files in "
        "`<folder>/<its UUID>/` alone; without it that method is off.",
    )
    google_prices_key: SecretStr | None = Field(
        default=None,
        description="API key, restricted to the Cloud Billing API, with which list prices of Google Cloud are "
        "read; those of AWS and Azure need none.",
    )
    refresh_prices_weekly: bool = Field(
        default=True,
        description="Whether workers read public price lists once a week for the regions in which there are resources: "
        "those of AWS and Azure, of Google with a key. Off where workers must reach nothing but accounts.",
    )
    provider_threads: int = Field(
        default=16, ge=1, le=256, description="Calls to providers at a time in each process, a thread for each."
    )
    scan_concurrency: int = Field(
        default=8, ge=1, le=256, description="Steps of one scan, services in regions, that are read at a time."
    )
