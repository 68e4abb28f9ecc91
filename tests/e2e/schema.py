# SPDX-License-Identifier: Apache-2.0
"""As much of JSON Schema as config/darkroom.schema.json uses, and YAML as the daemon reads it."""

import re

import yaml


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `off` is a word, and `0x10` no number of ours."""


Loader.yaml_implicit_resolvers = {}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf")
)
Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^-?[0-9]+$"), list("-0123456789")
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^-?(?:[0-9]+\.[0-9]*|\.[0-9]+)$"),
    list("-.0123456789"),
)


def decimal(loader, node):
    return int(loader.construct_scalar(node), 10)


Loader.add_constructor("tag:yaml.org,2002:int", decimal)

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}
KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "enum", "const", "pattern", "anyOf",
    "minimum", "maximum", "minLength", "minItems", "items", "properties", "additionalProperties",
    "required", "propertyNames",
}  # fmt: skip


def load(text: str):
    return yaml.load(text, Loader)


def same(a, b) -> bool:
    """1 is not true, and 0 is not false."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def errors(value, schema, root, at="") -> list[str]:
    """Why the value is not valid: the places, with the rule that each breaks."""
    if schema is True:
        return []
    if schema is False:
        return [f"{at}: nothing may be here"]
    assert set(schema) <= KNOWN, f"this validator does not know {set(schema) - KNOWN}"
    found = []
    if "$ref" in schema:
        found += errors(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(TYPES[kind](value) for kind in kinds):
            found.append(f"{at}: is no {kinds}")
    if "enum" in schema and not any(same(value, one) for one in schema["enum"]):
        found.append(f"{at}: is none of {schema['enum']}")
    if "const" in schema and not same(value, schema["const"]):
        found.append(f"{at}: is not {schema['const']}")
    if "anyOf" in schema and all(errors(value, one, root, at) for one in schema["anyOf"]):
        found.append(f"{at}: fits none of the forms")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{at}: does not match {schema['pattern']}")
        if len(value) < schema.get("minLength", 0):
            found.append(f"{at}: is too short")
    if TYPES["number"](value):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{at}: is out of range")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{at}: has too few")
        for index, item in enumerate(value):
            found += errors(item, schema.get("items", True), root, f"{at}[{index}]")
    if isinstance(value, dict):
        found += [f"{at}.{name}: is required" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            found += errors(name, schema.get("propertyNames", True), root, f"{at}.{name}")
            rule = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
            found += errors(item, rule, root, f"{at}.{name}")
    return found


def leaves(schema, root, at="") -> dict[str, dict]:
    """The keys that hold no other keys, as docs/configuration.md writes them, with their rules."""
    found = {}
    for name, rule in schema.get("properties", {}).items():
        key = f"{at}.{name}" if at else name
        if name == "models" and not at:
            found |= leaves(rule["additionalProperties"], root, "models.<name>")
        elif name == "routes" and not at:
            found |= leaves(rule["items"], root, "routes[]")
        elif "properties" in rule:
            found |= leaves(rule, root, key)
        else:
            found[key] = rule
    return found
