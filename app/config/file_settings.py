"""Settings of files: uploads, exports, and how long anything is kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class FileSettings(BaseSettings):
    """A part of Settings."""

    activity_retention_days: int = Field(default=90, ge=1, description="Days that activity events are kept.")
    scan_retention_days: int = Field(
        default=90, ge=1, description="Days that ended scans are kept with their steps; the newest of an account stays."
    )
    change_retention_days: int = Field(
        default=400, ge=1, description="Days that the history of resources is kept: what changed, went and returned."
    )
    upload_dir: Path | None = Field(
        default=None,
        description="Folder of uploads, `uploads` in the data folder when left out. API and workers have to share it, "
        "by a disk or a network file system.",
    )
    upload_bucket: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="Bucket of S3 for uploads, in the place of the folder; reached with Skyledger's own credentials.",
    )
    upload_prefix: str = Field(
        default="uploads/",
        pattern=r"^([A-Za-z0-9._-]{1,64}/){0,8}$",
        description="Beginning of the keys in that bucket, empty or with `/` at its end.",
    )
    upload_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+/?$",
        description="URL of a service that speaks S3's language, in the place of AWS's own.",
    )
    upload_region: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]{2,40}$", description="Region of that bucket; us-east-1 when left out."
    )
    upload_bytes: int = Field(
        default=53_687_091_200, ge=1, le=549_755_813_888, description="Largest upload, in bytes (50 GiB)."
    )
    upload_organization_bytes: int = Field(
        default=214_748_364_800,
        ge=1,
        description="Most bytes of an organization's uploads together, announced or stored (200 GiB).",
    )
    uploads_open: int = Field(
        default=20, ge=1, le=1_000, description="Most uploads of an organization that are not complete at a time."
    )
    upload_hours: int = Field(default=24, ge=1, le=168, description="Time for an upload to become complete, in hours.")
    upload_retention_days: int = Field(
        default=7, ge=1, le=90, description="Days that a complete upload is kept; what was imported of it stays."
    )
    upload_requests: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Requests that write uploads at a time in each process; one organization has at most half of them.",
    )
    upload_read_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Longest pause within the body of an upload, in seconds."
    )
    upload_free_bytes: int = Field(
        default=1_073_741_824, ge=0, description="Bytes that uploads leave free on the disk of their folder (1 GiB)."
    )
    export_retention_days: int = Field(
        default=7, ge=1, le=90, description="Days that exported files are kept, in the place of uploads."
    )
    erasure_days: int = Field(
        default=30, ge=0, le=90, description="Days from asking for an account to be erased until it is; 0 is at once."
    )
    exports_under_way: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Exports of connections that one organization may have waiting and running at a time.",
    )
