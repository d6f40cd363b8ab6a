#!/bin/bash
# APIFlask 3.1.2 with Pydantic: lists in a query or form, and headers with an alias, are documented and then refused.
#
# Seen: a search takes tags, @app.input(Search, location="query") with tags: list[str]. /openapi.json has an array. A
# request with ?tags=bread&tags=milk is a 422, "Input should be a valid list", and so is ?tags=bread: no client can send
# a list, and only requests without one are served. A form with checkboxes is the same. With tags: str | list[str], the
# answer is 200, and all tags but the first are dropped without a word. A header whose field has alias="X-Token" is in
# /openapi.json under that name, and a request that sends it is a 422, "Field required". So the requests that fail are
# those of whoever follows /openapi.json: a client that is made from it, a contract test, or a reader.
#
# Expected: what the application publishes is what it takes. In the Parameter Object of OpenAPI 3.1, the version of that
# document, style is form and explode is true unless a query parameter says something else: one tags=... for each value.
# With a marshmallow schema in the place of the Pydantic model, the same application takes both.
#
# Source: PydanticAdapter.validate_input() in apiflask/schema_adapters/pydantic.py of that version, read there, and run
# here: query and form go through to_dict(), which keeps the first value of each name, and headers are renamed to
# x_token, whatever the alias. It bites who moves from marshmallow to Pydantic. Until then: a validator with
# mode="before" that asks request.args.getlist(), as below, and a field named x_token without an alias.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    APIFlask==3.1.2 Flask==3.1.3 pydantic==2.14.4 marshmallow==4.4.0

cat >shop.py <<'PYTHON'
import sys

from apiflask import APIFlask, Schema, fields
from flask import request
from pydantic import BaseModel, Field, model_validator

app = APIFlask("shop")


class Search(BaseModel):
    tags: list[str] = []


class Loose(BaseModel):
    tags: str | list[str] = []


class Asked(Search):
    @model_validator(mode="before")
    @classmethod
    def every_tag(cls, values):
        return {**values, "tags": request.args.getlist("tags")}


class Marshmallow(Schema):
    tags = fields.List(fields.String())


class Token(BaseModel):
    token: str = Field(alias="X-Token")


class Plain(BaseModel):
    x_token: str


class MarshmallowToken(Schema):
    token = fields.String(data_key="X-Token", required=True)


def add(name, schema, location):
    def view(**arguments):
        (values,) = arguments.values()
        values = values if isinstance(values, dict) else values.model_dump()
        (value,) = values.values()
        return {"got": value}

    view.__name__ = name
    app.route(f"/{name}", methods=["POST"])(app.input(schema, location=location)(view))


add("list", Search, "query")
add("loose", Loose, "query")
add("asked", Asked, "query")
add("marshmallow", Marshmallow, "query")
add("form", Search, "form")
add("alias", Token, "headers")
add("plain", Plain, "headers")
add("marshmallow-alias", MarshmallowToken, "headers")
name, sent = sys.argv[1:]
client = app.test_client()
operation = client.get("/openapi.json").json["paths"][f"/{name}"]["post"]
for parameter in operation.get("parameters", []):
    kind = parameter["schema"].get("type", "anything")
    print(kind, parameter["name"], "in", parameter["in"], end=": ")
if name == "form":
    answer = client.post("/form", data={"tags": sent.split()})
elif "tags" in str(operation):
    answer = client.post(f"/{name}", query_string={"tags": sent.split()})
else:
    answer = client.post(f"/{name}", headers={"X-Token": sent})
print(answer.status_code, answer.json.get("got") or answer.json["detail"])
PYTHON

# see NAME SENT EXPECTED
see() {
    local seen
    seen=$(venv/bin/python shop.py "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

refused="422 {'query': {'tags': ['Input should be a valid list']}}"
see list 'bread milk' "array tags in query: $refused"
see list bread "array tags in query: $refused"
see form 'bread milk' "${refused/query/form}"
see loose 'bread milk' 'anything tags in query: 200 bread'
see asked 'bread milk' "array tags in query: 200 ['bread', 'milk']"
see marshmallow 'bread milk' "array tags in query: 200 ['bread', 'milk']"
see alias abc "string X-Token in header: 422 {'headers': {'X-Token': ['Field required']}}"
see plain abc 'string x-token in header: 200 abc'
see marshmallow-alias abc 'string X-Token in header: 200 abc'
