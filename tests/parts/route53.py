"""Route 53 with name servers behind it: `route53.py HOST ZONE CHALLTESTSRV`.

The API is moto's. It is stricter here: every request must be signed as botocore signs it. And a change
is seen by resolvers, as behind Amazon's: what moto holds is published by the challtestsrv whose
management URL is given, before the change is answered.

It prints a line of JSON with its port, the zone's identifier and a key, then a line for each request
with its status, and stops when its standard input closes.
"""

import io
import json
import logging
import os
import re
import sys
import threading
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

HOST, ZONE, CHALLTESTSRV = sys.argv[1:]
KEY = Credentials("AKIDROUTE53", "a-secret-of-route-53")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
REFUSED = """<?xml version="1.0"?>
<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type>
<Code>%s</Code><Message>%s</Message></Error><RequestId>refused</RequestId></ErrorResponse>"""


class Route53:
    """moto, with a look at every request before it and after it."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.change = threading.Lock()
        self.published = set()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        refused = refusal(environ, body)
        if refused:
            tell(environ, f"403 {refused[0]}")
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [(REFUSED % refused).encode()]
        with self.change:
            told = []
            answer = list(self.moto(environ, lambda *head: told.append(head)))
            if environ["REQUEST_METHOD"] == "POST" and told[0][0].startswith("200"):
                self.publish(environ["PATH_INFO"])
        tell(environ, told[0][0])
        start_response(*told[0])
        return answer

    def publish(self, path):
        found = re.search(r"/hostedzone/([^/]+)/rrset", path)
        if not found:
            return
        sets = client().list_resource_record_sets(HostedZoneId=found[1])["ResourceRecordSets"]
        texts = {it["Name"]: it["ResourceRecords"] for it in sets if it["Type"] == "TXT"}
        for name in self.published | set(texts):
            manage("clear-txt", {"host": name})
            for record in texts.get(name, []):
                manage("set-txt", {"host": name, "value": record["Value"].strip('"')})
        self.published = set(texts)


def refusal(environ, body):
    """The code and message of why a request is not let in."""
    found = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if not found:
        return "MissingAuthenticationToken", "Missing Authentication Token"
    key, _day, region, service, signed, signature = found.groups()
    if key != KEY.access_key:
        return "InvalidClientTokenId", "The security token included in the request is invalid."
    if (region, service) != ("us-east-1", "route53"):
        return "SignatureDoesNotMatch", "Credential should be scoped to us-east-1 and route53."
    path = environ.get("RAW_URI") or environ["REQUEST_URI"]
    request = AWSRequest(environ["REQUEST_METHOD"], f"http://{environ['HTTP_HOST']}{path}", data=body)
    for name in signed.split(";"):
        variable = name.upper().replace("-", "_")
        request.headers[name] = environ.get(f"HTTP_{variable}") or environ.get(variable, "")
    request.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", "")
    auth = SigV4Auth(KEY, service, region)
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    if expected != signature:
        return "SignatureDoesNotMatch", "The request signature we calculated does not match."
    return None


def client():
    """A client of moto in this very process, for what is the test's own."""
    return boto3.client(
        "route53",
        endpoint_url=f"http://{HOST}:{inner.port}",
        aws_access_key_id="own",
        aws_secret_access_key="own",
        region_name="us-east-1",
    )


def manage(what, order):
    urllib.request.urlopen(f"{CHALLTESTSRV}/{what}", json.dumps(order).encode()).read()


def tell(environ, said):
    print(environ["REQUEST_METHOD"], environ["PATH_INFO"], said, flush=True)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
route53 = Route53()
inner = make_server(HOST, 0, route53.moto, threaded=True)
threading.Thread(target=inner.serve_forever, daemon=True).start()
server = make_server(HOST, 0, route53, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
zone = client().create_hosted_zone(Name=ZONE, CallerReference="tests")["HostedZone"]["Id"]
ready = {"port": server.port, "zone": zone, "id": KEY.access_key, "secret": KEY.secret_key}
print(json.dumps(ready), flush=True)
sys.stdin.read()
os._exit(0)
