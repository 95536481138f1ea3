"""Checks documents of flynn-aws independently. Reads a document, and prints "fine" or the problems."""

import json
import re
import sys


def models(calls):
    """Checks each input against botocore's model of its call: types, enums, patterns, lengths, required members."""
    from botocore.session import get_session

    session = get_session()
    shapes = {}
    wrong = []
    for call in calls:
        service = call["service"]
        if service not in shapes:
            shapes[service] = session.get_service_model(service)
        operation = shapes[service].operation_model(call["operation"])
        wrong += walk(operation.input_shape, call["input"], call["operation"])
    return wrong


def walk(shape, value, path):
    if value is None:
        return []
    meta, wrong = shape.metadata, []
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is not an object"]
        for member in shape.required_members:
            if member not in value and member not in ("CallerReference", "Bucket"):
                wrong.append(f"{path}: {member} is missing")
        for key, inner in value.items():
            if key not in shape.members:
                wrong.append(f"{path}: {key} is not known")
            else:
                wrong += walk(shape.members[key], inner, f"{path}.{key}")
        return wrong
    if shape.type_name == "list":
        if not isinstance(value, list):
            return [f"{path}: {value!r} is not a list"]
        size = len(value)
        for inner in value:
            wrong += walk(shape.member, inner, f"{path}[]")
    elif shape.type_name == "string":
        if not isinstance(value, str):
            return [f"{path}: {value!r} is not text"]
        size = len(value)
        if shape.enum and value not in shape.enum:
            wrong.append(f"{path}: {value!r} is not one of {shape.enum}")
        pattern = meta.get("pattern")
        if pattern:
            pattern = pattern.replace(r"\p{L}", "a-zA-Z").replace(r"\p{M}", "").replace(r"\p{S}", "").replace(r"\p{N}", "0-9").replace(r"\p{P}", "")
            if not re.search(f"^(?:{pattern})$", value, re.S):
                wrong.append(f"{path}: {value!r} does not match {pattern}")
    elif shape.type_name in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            return [f"{path}: {value!r} is not a number"]
        size = value
    elif shape.type_name == "boolean":
        return [] if isinstance(value, bool) else [f"{path}: {value!r} is not a boolean"]
    else:
        return [f"{path}: a {shape.type_name} was not expected"]
    if size < meta.get("min", size) or size > meta.get("max", size):
        wrong.append(f"{path}: {value!r} is out of {meta.get('min')}..{meta.get('max')}")
    return wrong


def zone(document):
    """Reads the lines as a zone file. Returns the addresses of the apex, and checks that the wildcard follows it."""
    import dns.name
    import dns.rdatatype
    import dns.zone

    domain = document["domain"]
    head = f"$ORIGIN {domain}.\n@ 60 IN SOA ns.{domain}. x.{domain}. 1 2 3 4 5\n@ 60 IN NS ns.{domain}.\n"
    read = dns.zone.from_text(head + "\n".join(document["lines"]) + "\n", origin=f"{domain}.", relativize=False)
    apex = dns.name.from_text(f"{domain}.")
    found = set()
    for kind in ("A", "AAAA"):
        for record in read.get_rdataset(apex, kind) or []:
            found.add(record.address)
    wrong = [] if found == set(document["nodes"]) else [f"the apex has {found}"]
    wildcard = read.get_rdataset(dns.name.from_text(f"*.{domain}."), "CNAME")
    if [str(record.target) for record in wildcard] != [f"{domain}."]:
        wrong.append("the wildcard does not follow the apex")
    return wrong


REQUIRED = {
    "minio": ("endpoint", "bucket", "access_key_id", "secret_access_key"),
    "azure": ("container", "account_name", "account_key"),
    "gcs": ("bucket", "key"),
}
REGION = re.compile(r"^(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov)-[a-z]+-[1-9]\d*$")
BUCKET = re.compile(r"^[A-Za-z0-9._-]{3,255}$")


def flynn(env):
    """Reads the env as Flynn's blobstore does: backends with their parameters, the default, and whether it starts.

    Written after blobstore/main.go of v20161015.2 and its backends. A bucket, region or key that no service has stops
    the process too, since the first request fails.
    """
    starts, backends = True, {}
    for variable, definition in env.items():
        match = re.fullmatch(r"BACKEND_([A-Z0-9]+)", variable)
        if not match:
            continue
        name = match.group(1).lower()
        params = {}
        broken = False
        for token in [token for token in definition.split(" ") if token != ""]:
            if "=" not in token:
                broken = True
                break
            key, value = token.split("=", 1)
            params[key] = value
        for other, value in env.items():
            if other.startswith(variable + "_"):
                params[other[len(variable) + 1 :].lower()] = value
        kind = params.get("backend", "")
        backends[name] = None
        if broken or not works(kind, params, env):
            starts = False
        else:
            backends[name] = params
    default = env.get("DEFAULT_BACKEND") or "postgres"
    if default != "postgres" and default not in backends:
        starts = False
    return starts, default, backends


def works(kind, params, env):
    def clean(value):
        return value and value.strip() == value and value[0] not in "\"'$" and value[-1] not in "\"'"

    if kind == "s3":
        region = params.get("region") or env.get("AWS_REGION", "")
        if not params.get("region"):
            params["region"] = region
        if not (REGION.match(region) and BUCKET.match(params.get("bucket", ""))):
            return False
        if params.get("ec2_role") == "true":
            return True
        return all(clean(params.get(key, "")) for key in ("access_key_id", "secret_access_key"))
    if kind not in REQUIRED:
        return False
    if not all(clean(params.get(key, "")) for key in REQUIRED[kind]):
        return False
    if kind == "minio":
        return "/" not in params["endpoint"] and bool(BUCKET.match(params["bucket"]))
    return True


def envs(cases):
    wrong = []
    for case in cases:
        starts, default, backends = flynn(case["env"])
        if starts != case["starts"] or default != case["default"]:
            wrong.append(f"{case['env']}: starts {starts}, default {default}; ours {case['starts']}, {case['default']}")
            continue
        if set(backends) != set(case["backends"]):
            wrong.append(f"{case['env']}: backends {set(backends)}; ours {set(case['backends'])}")
            continue
        for name, ours in case["backends"].items():
            theirs = backends[name]
            if (ours is None) != (theirs is None):
                wrong.append(f"{case['env']}: {name} is {theirs}; ours {ours}")
            for key, value in (ours or {}).items():
                other = theirs.get(key, "")
                if key == "insecure":
                    other = other.lower() == "true"
                if other != value:
                    wrong.append(f"{case['env']}: {name}.{key} is {other!r}; ours {value!r}")
    return wrong


if __name__ == "__main__":
    found = {"models": models, "zone": zone, "envs": envs}[sys.argv[1]](json.load(sys.stdin))
    print("\n".join(found[:10]) if found else "fine")
