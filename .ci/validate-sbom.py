"""Holds each document on a component to the schema of the CycloneDX version that it names, and to its file."""

import hashlib
import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

folder = pathlib.Path(sys.argv[1])
documents = sorted(folder.glob("*.cdx.json"))
assert len(documents) == 5, f"{len(documents)} documents in {folder}"
for path in documents:
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    version = SchemaVersion.from_version(document["specVersion"])
    errors = list(JsonStrictValidator(version).validate_str(text, all_errors=True) or [])
    assert not errors, f"{path}: {errors}"
    about = document["metadata"]["component"]
    digest = hashlib.sha256((folder / about["name"]).read_bytes()).hexdigest()
    assert digest == about["hashes"][0]["content"], f"{path} is of another {about['name']}"
    print(f"{path.name}: {len(document['components'])} crates, CycloneDX {document['specVersion']}")
