"""What an operator, or a thief, does in a bucket with a client that others wrote (boto3).

s3_client.py ENDPOINT COMMAND ARGUMENT…; prints one JSON value. What the store refuses is
`{"refused": CODE}`, so that a test can expect it.
"""
import datetime
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client(
    "s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="stele",
    aws_secret_access_key="stele-secret",
    config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
)


def make_bucket(bucket, lock):
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock == "lock")
    if lock == "versions":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return {}


def put(bucket, key, text, storage_class="STANDARD"):
    done = s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), StorageClass=storage_class)
    return {"version": done.get("VersionId")}


def get(bucket, key, version):
    return {"text": s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read().decode()}


def delete(bucket, key, version=None):
    which = {"VersionId": version, "BypassGovernanceRetention": True} if version else {}
    return {"marker": s3.delete_object(Bucket=bucket, Key=key, **which).get("DeleteMarker", False)}


def retention(bucket, key, version):
    found = s3.head_object(Bucket=bucket, Key=key, VersionId=version)
    until = found.get("ObjectLockRetainUntilDate")
    return {"mode": found.get("ObjectLockMode"), "until": until and int(until.timestamp())}


def set_retention(bucket, key, version, mode, until):
    when = datetime.datetime.fromtimestamp(int(until), datetime.timezone.utc)
    s3.put_object_retention(
        Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True,
        Retention={"Mode": mode, "RetainUntilDate": when},
    )
    return {}


def versions(bucket, key):
    listed = s3.list_object_versions(Bucket=bucket, Prefix=key)
    return {
        "versions": [one["VersionId"] for one in listed.get("Versions", [])],
        "markers": [one["VersionId"] for one in listed.get("DeleteMarkers", [])],
    }


command = {f.__name__: f for f in (make_bucket, put, get, delete, retention, set_retention, versions)}[sys.argv[2]]
try:
    print(json.dumps(command(*sys.argv[3:])))
except ClientError as error:
    print(json.dumps({"refused": error.response["Error"]["Code"]}))
