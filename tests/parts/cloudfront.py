"""Calls CloudFront's API by boto3, as deploy scripts in Python do.

Reads a list of calls in JSON, writes the list of what came of them; `cloudfront.mjs` does the same.
Endpoint, key and region are the environment's. A call names an operation, a waiter or a paginator:

    {"ask": "CreateInvalidation", "with": {...}}
    {"wait": "InvalidationCompleted", "with": {...}}
    {"pages": "ListInvalidations", "size": 2, "with": {...}}

A text like "$0.Invalidation.Id" in it stands for what an earlier call was told.
"""

import json
import sys

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError


def main():
    client = boto3.client("cloudfront")
    told = []
    for call in json.load(sys.stdin):
        told.append(outcome(client, call, told))
    json.dump(told, sys.stdout, default=lambda moment: moment.isoformat())


def outcome(client, call, told):
    """What came of one call."""
    try:
        return carried_out(client, call, filled_in(call.get("with", {}), told))
    except WaiterError as error:
        return {"status": 0, "code": "WaiterError", "message": str(error)}
    except ClientError as error:
        said = error.response["Error"]
        refused = {"code": said["Code"], "message": said.get("Message", "")}
        return refused | metadata(error.response)


def carried_out(client, call, words):
    if "wait" in call:
        pauses = {"Delay": 1, "MaxAttempts": 30}
        client.get_waiter(xform_name(call["wait"])).wait(**words, WaiterConfig=pauses)
        return {"status": 200}
    if "pages" in call:
        paginator = client.get_paginator(xform_name(call["pages"]))
        pages = list(paginator.paginate(**words, PaginationConfig={"PageSize": call["size"]}))
        about = metadata(pages[-1])
        for page in pages:
            del page["ResponseMetadata"]
        return about | {"result": pages}
    result = getattr(client, xform_name(call["ask"]))(**words)
    about = metadata(result)
    del result["ResponseMetadata"]
    return about | {"result": result}


def metadata(response):
    about = response["ResponseMetadata"]
    return {
        "status": about["HTTPStatusCode"],
        "request": about.get("RequestId", ""),
        "attempts": about["RetryAttempts"] + 1,
    }


def filled_in(value, told):
    """The value, with what earlier calls were told in its place."""
    if isinstance(value, dict):
        return {name: filled_in(inner, told) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled_in(inner, told) for inner in value]
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    which, *names = value[1:].split(".")
    found = told[int(which)]["result"]
    for name in names:
        found = found[name]
    return found


main()
