"""What an editor with the schemas of `nightrun schema` would say of this repository: called by `.ci/schema`.

    schema.py FOLDER   where dag.json, defaults.json, tests.json and calendars.json are
"""

import json
import re
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

# What is wrong with these shows only to who reads them for their meaning: cycles, names, impossible dates, ids
# of several documents.
BROKEN_IN_MEANING = {"documents.yaml", "empty.yaml", "graph.yaml", "never.yaml", "warnings.yaml"}
MEANING = re.compile(r"E[2-5]\d\d|W\d+")
# Form that no schema can hold: bytes, size, templates, what another key says, the folder above.
BEYOND = {"E001", "E002", "E003", "E004", "E005", "E104", "E105", "E107", "E109", "E110", "E111", "E118", "E121"}

folder = Path(sys.argv[1])
schemas = {kind: json.loads((folder / f"{kind}.json").read_text()) for kind in ["dag", "defaults", "tests", "calendars"]}
wrong = []


def documents(text):
    """Plain values of a YAML text: a timestamp is text, as it is for Nightrun."""
    yaml = YAML(typ="safe", pure=True)
    implicit = yaml.resolver.versioned_resolver
    for letter, rules in implicit.items():
        implicit[letter] = [rule for rule in rules if not rule[0].endswith(":timestamp")]
    # `--- # comment` begins a document of its own; the first may be empty.
    return [document for document in yaml.load_all(text) if document is not None]


def kind_of(name):
    if name.endswith("_defaults.yaml"):
        return "defaults"
    if name.endswith(".test.yaml"):
        return "tests"
    return "calendars" if "calendars/" in name else "dag"


def faults(kind, text):
    try:
        found = documents(text)
    except YAMLError as fault:
        return [str(fault).splitlines()[0]]
    validator = Draft202012Validator(schemas[kind])
    return [fault.message for document in found for fault in validator.iter_errors(document)]


def takes(name, text, kind=None):
    for fault in faults(kind or kind_of(name), text):
        wrong.append(f"{name}: the schema refuses what is sound: {fault[:200]}")


def blocks(path):
    return re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.M | re.S)


def examples():
    paths = sorted(Path("dags").rglob("*.yaml"))
    for path in paths:
        takes(str(path), path.read_text())
    return len(paths)


def book():
    count = 0
    for page in sorted(Path("docs").glob("*.md")):
        for block in blocks(page):
            named = re.match(r"# file: (\S+)", block)
            if named and named[1] != "nightrun.yaml":
                takes(f"{page}: {named[1]}", block, kind_of(named[1]))
                count += 1
    return count


def pages():
    count = 0
    for page in sorted(Path("docs/errors").glob("*.md")):
        code = page.stem[:4]
        bad, good = blocks(page)
        kind = "calendars" if "weekend:" in good or "holidays:" in good else "dag"
        takes(f"{page}: the cure", good, kind)
        if not MEANING.match(code) and code not in BEYOND:
            count += 1
            if not faults(kind, bad):
                wrong.append(f"{page}: the schema takes what is broken")
    return count


def broken():
    paths = sorted(Path("tests/broken").glob("*.yaml"))
    for path in paths:
        if path.name not in BROKEN_IN_MEANING and not faults("dag", path.read_bytes().decode(errors="replace")):
            wrong.append(f"{path}: the schema takes what is broken")
    return len(paths) - len(BROKEN_IN_MEANING)


def keys(schema, way="#"):
    """Every key says what it is, and its example and default are what it takes."""
    count = 0
    if not isinstance(schema, dict):
        return sum(keys(item, way) for item in schema) if isinstance(schema, list) else 0
    for name, key in schema.get("properties", {}).items() if "additionalProperties" in schema else []:
        count += 1
        if not key.get("description"):
            wrong.append(f"{way}/{name} says nothing to who points at it")
        own = Draft202012Validator({**key, "$defs": root["$defs"]})
        values = key.get("examples", []) + ([key["default"]] if "default" in key else [])
        for value in values:
            wrong.extend(f"{way}/{name}: {value!r}: {fault.message[:200]}" for fault in own.iter_errors(value))
    return count + sum(keys(value, f"{way}/{name}") for name, value in schema.items())


said = {"files of dags/": examples(), "files of the book": book(), "faults of form in docs/errors": pages()}
said["broken files"] = broken()
for kind, root in schemas.items():
    said[f"keys of {kind}"] = keys(root)
for line in wrong:
    print(line)
print(", ".join(f"{count} {what}" for what, count in said.items()))
sys.exit(1 if wrong else 0)
