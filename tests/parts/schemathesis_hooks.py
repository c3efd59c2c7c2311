"""Keeps Schemathesis from sawing off the branch it sits on.

It asks for whatever ids it reads in answers: that of the key it shows too, whose secret is another one
once it is rotated, and all that follows is refused.
"""

import os

import schemathesis


@schemathesis.hook
def before_call(context, case, **kwargs):
    asked = case.path_parameters
    if asked and asked.get("address", "") in (None, "null"):
        # Read in a list of targets that is empty.
        asked["address"] = "192.0.2.1:80"
    if case.operation.path.startswith("/keys/") and asked.get("id") == os.environ["KEY_ID"]:
        asked["id"] = "NOBODY"
