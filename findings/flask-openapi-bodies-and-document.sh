#!/usr/bin/env bash
# flask-openapi 5.0.0: what is wrong with a body is always 422, and two models of one name are one in the document.
#
# A good guess: a body that is not JSON is 400, one of another type 415, one without a type what the programmer says; and the document
# says of a model what pydantic says. Seen: all three are 422 "input should be a valid dictionary", as the library asks Flask for
# JSON or nothing; the second of two models with one name takes the place of the first; "patternProperties" is lost, and whole numbers
# beyond 2^53 are rounded. SecBeat therefore keeps its own layer (docs/adr/0015-own-layer-for-apis.md).
#
# Runs without SecBeat, in a temporary folder, for a few seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check flask-openapi==5.0.0
"$folder/venv/bin/python" - <<'END'
import sys
from typing import Annotated

from flask_openapi import OpenAPI
from pydantic import BaseModel, Field

app = OpenAPI(__name__)


def model(name: str, **fields: object) -> type[BaseModel]:
    return type(name, (BaseModel,), {"__annotations__": fields})


Sent, Other = model("Sent", ip=str), model("Answer", of_b=int)
Labels = dict[Annotated[str, Field(pattern="^[a-z]+$")], int]
Big = Annotated[int, Field(lt=2**53 + 1)]


@app.post("/a", responses={200: model("Answer", of_a=Big, labels=Labels)})
def a(body: Sent) -> dict[str, str]:
    return {}


first = app.components_schemas["Answer"].model_dump(by_alias=True, exclude_none=True)
print("exclusiveMaximum", 2**53 + 1, "and patternProperties:", first["properties"])


@app.post("/b", responses={200: Other})
def b(body: Sent) -> dict[str, str]:
    return {}


client = app.test_client()
statuses = [
    client.post("/a", data=data, content_type=kind).status_code
    for data, kind in (
        ('{"ip": "192.0.2.1"}', "application/json"),
        ('{"ip":', "application/json"),
        ("<ip/>", "text/xml"),
        ('{"ip": "192.0.2.1"}', None),
        ('{"ip": "192.0.2.1"}', "application/x-www-form-urlencoded"),
    )
]
print("good, not JSON, XML, without a type, as curl -d sends it:", *statuses)
document = app.api_doc
fields = list(document["components"]["schemas"]["Answer"]["properties"])
print("two models named Answer in the document:", fields, "- of", document["openapi"])
lost = "patternProperties" not in str(first) and first["properties"]["of_a"]["exclusiveMaximum"] == 2**53
sys.exit(not (statuses == [200, 422, 422, 422, 422] and fields == ["of_b"] and lost))
END
