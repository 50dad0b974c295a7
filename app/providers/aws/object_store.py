"""A bucket of S3, or of a service that speaks its language, reached with Skyledger's own credentials."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from app.providers.aws.errors import error_code, reading_aws
from app.providers.aws.session import CONNECT_SECONDS, own_session
from app.providers.objects import Part, StoredObject, UnfinishedObject
from app.providers.problems import ProblemCode, ProviderError

READ_SECONDS: Final = 60.0
ATTEMPTS: Final = 4
SOCKETS: Final = 32
HOME_REGION: Final = "us-east-1"
_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchUpload", "404", "NotFound"})
_OTHER_PARTS: Final = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "NoSuchUpload"})
_REMEDY: Final = "The operator of Skyledger checks the bucket, its endpoint and region, and what its credentials allow."


class S3ObjectStore:
    """One bucket; threads may share it. Made without a call."""

    def __init__(self, bucket: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        self.bucket = bucket
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=SOCKETS,
            user_agent_extra="skyledger",
            # MD5 of every part is understood everywhere; the newer checksums are AWS's own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if endpoint else "auto"},
        )
        self._client = own_session().create_client(
            "s3", region_name=region or HOME_REGION, endpoint_url=endpoint, config=config
        )

    def begin(self, key: str) -> str:
        """See ObjectStore."""
        with reading_aws(("s3:PutObject",)):
            return str(self._client.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"])

    def put_part(self, key: str, multipart_id: str, number: int, body: bytes) -> Part:
        """See ObjectStore; the store compares the body with its MD5."""
        with reading_aws(("s3:PutObject",)):
            answer = self._client.upload_part(
                Bucket=self.bucket,
                Key=key,
                UploadId=multipart_id,
                PartNumber=number,
                Body=body,
                ContentMD5=_md5(body),
            )
            return Part(number, len(body), str(answer["ETag"]))

    def parts(self, key: str, multipart_id: str) -> list[Part] | None:
        """See ObjectStore."""
        found: list[Part] = []
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=multipart_id)
        with reading_aws(("s3:ListMultipartUploadParts",)):
            try:
                for page in pages:
                    found += [
                        Part(int(part["PartNumber"]), int(part["Size"]), str(part["ETag"]))
                        for part in page.get("Parts") or ()
                    ]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return sorted(found, key=lambda part: part.number)

    def complete(self, key: str, multipart_id: str, parts: list[Part]) -> bool:
        """See ObjectStore."""
        named = [{"PartNumber": part.number, "ETag": part.tag} for part in parts]
        with reading_aws(("s3:PutObject",)):
            try:
                self._client.complete_multipart_upload(
                    Bucket=self.bucket, Key=key, UploadId=multipart_id, MultipartUpload={"Parts": named}
                )
            except ClientError as error:
                if error_code(error) in _OTHER_PARTS:
                    return False
                raise
        return True

    def abort(self, key: str, multipart_id: str) -> None:
        """See ObjectStore."""
        with reading_aws(("s3:AbortMultipartUpload",)):
            try:
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=multipart_id)
            except ClientError as error:
                if error_code(error) not in _ABSENT:
                    raise

    def put(self, key: str, body: bytes) -> None:
        """See ObjectStore."""
        with reading_aws(("s3:PutObject",)):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentMD5=_md5(body))

    def get(self, key: str, most: int) -> bytes | None:
        """See ObjectStore."""
        with reading_aws(("s3:GetObject",)):
            answer = self._opened(key)
            if answer is None:
                return None
            with answer["Body"] as body:
                return None if int(answer["ContentLength"]) > most else bytes(body.read())

    def size(self, key: str) -> int | None:
        """See ObjectStore; by a list, because the session takes the answer to HEAD for one that was cut off."""
        with reading_aws(("s3:ListBucket",)):
            answer = self._client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
            found = [int(entry["Size"]) for entry in answer.get("Contents") or () if entry["Key"] == key]
            return found[0] if found else None

    def read(self, key: str, block: int) -> Iterator[bytes]:
        """See ObjectStore."""
        with reading_aws(("s3:GetObject",)):
            answer = self._opened(key)
            if answer is None:
                raise ProviderError(ProblemCode.FAILED, "The object is no longer in the bucket.", _REMEDY, retry=False)
            with answer["Body"] as body:
                while data := body.read(block):
                    yield data

    def delete(self, keys: list[str]) -> None:
        """See ObjectStore."""
        with reading_aws(("s3:DeleteObject",)):
            for key in keys:  # one by one: the call for many needs a checksum that not every service knows
                self._client.delete_object(Bucket=self.bucket, Key=key)

    def objects(self, prefix: str) -> Iterator[list[StoredObject]]:
        """See ObjectStore."""
        with reading_aws(("s3:ListBucket",)):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                yield [
                    StoredObject(str(entry["Key"]), int(entry["Size"]), entry["LastModified"])
                    for entry in page.get("Contents") or ()
                ]

    def unfinished(self, prefix: str) -> Iterator[list[UnfinishedObject]]:
        """See ObjectStore."""
        with reading_aws(("s3:ListBucketMultipartUploads",)):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                yield [
                    UnfinishedObject(str(entry["Key"]), str(entry["UploadId"]), entry["Initiated"])
                    for entry in page.get("Uploads") or ()
                ]

    def close(self) -> None:
        """Let go of sockets."""
        self._client.close()

    def _opened(self, key: str) -> Any | None:
        try:
            return self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise


def _md5(body: bytes) -> str:
    """The form in which S3 takes a hash that only tells whether the bytes arrived as they were sent."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
