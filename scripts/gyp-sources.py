"""Prints, as JSON, what binding.gyp gives a target on one system: C++ sources, include directories, defines, flags, libraries.

    python3 scripts/gyp-sources.py BINDING_GYP TARGET OS

A .gyp file is a Python literal, and gyp evaluates its conditions as Python expressions over its variables; so does this.
Command expansions (`<!(…)`) are left out.
"""

import ast
import json
import sys

KEYS = ("sources", "include_dirs", "defines", "cflags_cc", "libraries")


def chosen(condition, variables):
    """The dictionaries that one condition, [test, then, test, then, …, else], selects."""
    rest = list(condition)
    while rest:
        if isinstance(rest[0], dict):
            return [rest[0]]
        if eval(rest[0], {"__builtins__": {}}, variables):
            return [rest[1]]
        rest = rest[2:]
    return []


def collect(scope, variables, found):
    for key in KEYS:
        found[key] += [item for item in scope.get(key, []) if "<!" not in item]
    for condition in scope.get("conditions", []):
        for inner in chosen(condition, variables):
            collect(inner, variables, found)


def main(path, name, system):
    with open(path, encoding="utf-8") as file:
        gyp = ast.literal_eval(file.read())
    variables = {"OS": system}
    for key, value in gyp.get("variables", {}).items():
        variables.setdefault(key.rstrip("%"), value)
    found = {key: [] for key in KEYS}
    targets = [target for target in gyp["targets"] if target["target_name"] == name]
    if not targets:
        sys.exit(f"{path} has no target {name}")
    collect(gyp.get("target_defaults", {}), variables, found)
    collect(targets[0], variables, found)
    print(json.dumps(found))


main(*sys.argv[1:])
