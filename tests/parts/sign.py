"""Signs URLs as customers of CloudFront do, with botocore's CloudFrontSigner.

Reads a list of orders in JSON, writes the list of signed URLs. OpenSSL has the key, so that every
kind of key and digest is signed with by one command.
"""

import json
import subprocess
import sys
from datetime import datetime, timezone

from awscli.botocore.signers import CloudFrontSigner


def signed(order):
    def signature(message):
        command = ["openssl", "dgst", "-" + order["hash"], "-sign", order["key"]]
        return subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True).stdout

    signer = CloudFrontSigner(order["id"], signature)
    if "policy" in order:
        return signer.generate_presigned_url(order["url"], policy=order["policy"])
    if "resource" not in order:
        return signer.generate_presigned_url(order["url"], date_less_than=moment(order["until"]))
    policy = signer.build_policy(
        order["resource"],
        moment(order["until"]),
        date_greater_than=moment(order.get("after")),
        ip_address=order.get("address"),
    )
    return signer.generate_presigned_url(order["url"], policy=policy)


def moment(seconds):
    return seconds and datetime.fromtimestamp(seconds, timezone.utc)


json.dump([signed(order) for order in json.load(sys.stdin)], sys.stdout)
