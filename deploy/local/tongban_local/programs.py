"""Every program of a stack, with its command line and environment."""

import json
import shlex
import sys
from dataclasses import dataclass

from tongban_catalog.load import load_catalog

from tongban_local import credentials, kafka, postgres
from tongban_local.ports import HOST
from tongban_local.processes import MARK
from tongban_local.stack import BY_HAND, PROJECT, SERVICES, Stack
from tongban_local.supervise import Program


@dataclass(frozen=True, slots=True)
class Client:
    """A service as the issuer knows it: its name, and the departments for which it speaks."""

    service: str
    departments: tuple[str, ...]


APPROVALS = {
    "approvals-reform": ("development-reform", "ecology"),
    "approvals-land": ("natural-resources", "heritage"),
    "approvals-construction": (
        "housing",
        "civil-defence",
        "culture",
        "health",
        "public-security",
        "market-regulation",
        "administrative-approval",
        "education",
        "human-resources",
        "tax",
        "medical-insurance",
        "social-insurance-99",
        "street-office-99",
        "tobacco-monopoly",
    ),
    "approvals-neighbour": ("social-insurance-98", "street-office-98"),
}
CERTIFICATES = ("certificates", "certificates-98")
"""The second one stands in another province: it issues and keeps registers for that province's bodies alone."""
PULLED = {"household-register": "/household-register"}
"""Registers that are asked in the ministry's own system, and their paths there."""
SOURCES = ("public-security", "human-resources")
"""Departments whose own systems tell of their records by events; their clients are ``source-<department>``."""
MODULES = {
    "intake": "tongban_intake",
    "intake-view": "tongban_intake",
    **dict.fromkeys(APPROVALS, "tongban_approvals"),
    **dict.fromkeys(CERTIFICATES, "tongban_certificates"),
    "notify": "tongban_notify",
}
ARGUMENTS = {"intake-view": ("--only", "view")}
DATABASES = {name: f"tongban_{name.replace('-', '_')}" for name in SERVICES} | {"intake-view": "tongban_intake"}


def engine_programs(stack: Stack, launch: kafka.Launch | None) -> list[Program]:
    """Kafka, PostgreSQL, mail and the development issuer, as far as this stack runs them itself.

    launch: how to start Kafka; None when the stack runs none.
    """
    python = [sys.executable, "-m"]
    commands: dict[str, list[str]] = {
        "postgres": postgres.command(stack),
        "kafka": kafka.command(stack, launch) if launch else [],
        "mail": [*python, "tongban_local.mail", HOST, str(stack.port("mail")), str(stack.maildir)],
        "issuer": [*python, "tongban_local.issuer", HOST, str(stack.port("issuer")), str(stack.secrets)],
        "ministry": [*python, "tongban_local.ministry", HOST, str(stack.port("ministry")), str(stack.ministry)],
    }
    stops = {"postgres": "INT"}
    programs = [
        Program(name, "engines", commands[name], stack.root, {MARK: str(stack.root)}, stop=stops.get(name, "TERM"))
        for name in stack.engines
    ]
    if stack.owner is not None:
        watch = [*python, "tongban_local.owner", str(stack.owner)]
        programs.append(Program("owner", "engines", watch, stack.root, {MARK: str(stack.root)}, autostart=True))
    return programs


def service_programs(stack: Stack) -> list[Program]:
    """The services, in the order in which they start."""
    return [
        Program(
            name,
            "services",
            [sys.executable, "-m", MODULES[name], *ARGUMENTS.get(name, ())],
            PROJECT,
            service_environment(stack, name),
        )
        for name in SERVICES
    ]


def service_environment(stack: Stack, name: str) -> dict[str, str]:
    """Settings of a service as environment variables."""
    environment = {
        MARK: str(stack.root),
        "TONGBAN_INSTANCE": name,
        "TONGBAN_KAFKA": stack.kafka,
        "TONGBAN_DATABASE": stack.database(DATABASES[name]),
        "TONGBAN_TOPIC_PREFIX": stack.topic_prefix,
        "TONGBAN_HTTP_HOST": HOST,
        "TONGBAN_HTTP_PORT": str(stack.port(name)),
        "TONGBAN_TOKEN_ISSUER": stack.url("issuer"),
        "TONGBAN_TOKEN_JWKS": (stack.secrets / "jwks.json").as_uri(),
        "TONGBAN_VAULT_URL": stack.url("intake"),
        "TONGBAN_TOKEN_URL": f"{stack.url('issuer')}/oauth/token",
        "TONGBAN_CLIENT_ID": name,
        "TONGBAN_CLIENT_SECRET": credentials.client_secret(stack.secrets, name),
        "TONGBAN_CLOCK_SHIFT": str(stack.clock_shift),
        "TONGBAN_TRACE_FILE": str(stack.trace_folder / f"{name}.jsonl"),
        "PYTHONUNBUFFERED": "1",
    }
    return environment | _own_settings(stack, name)


def operators_settings(stack: Stack) -> dict[str, dict[str, str]]:
    """What the commands of operators need to work on this stack, by package."""
    found = {
        module: {key: value for key, value in service_environment(stack, name).items() if key.startswith("TONGBAN_")}
        for name, module in reversed(MODULES.items())
    }
    found["tongban_catalog"] = {
        "TONGBAN_KAFKA": stack.kafka,
        "TONGBAN_TOPIC_PREFIX": stack.topic_prefix,
        "TONGBAN_ACTS_PUBLIC": str(stack.acts_public),
    }
    for settings in found.values():
        settings.pop(MARK, None)
    return found


def env_file(stack: Stack, name: str) -> str:
    """Settings of one more replica of a deployment, as ``--env-file`` reads them: to be started by hand beside the stack's."""
    settings = service_environment(stack, name) | {
        "TONGBAN_REPLICA": BY_HAND,
        "TONGBAN_HTTP_PORT": str(stack.port(BY_HAND)),
    }
    del settings[MARK]
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items() if key.startswith("TONGBAN_"))


def _own_settings(stack: Stack, name: str) -> dict[str, str]:
    if name in APPROVALS:
        return {"TONGBAN_APPROVALS_DEPARTMENTS": ",".join(APPROVALS[name]), "TONGBAN_ACTS_DIR": str(stack.acts)}
    if name in CERTIFICATES:
        served = ",".join(certificate_bodies(name))
        pulled = {resource: stack.url("ministry") + path for resource, path in PULLED.items()}
        return {
            "TONGBAN_VERIFY_URL": stack.url(name),
            "TONGBAN_PUBLIC_URL": stack.url("intake"),
            "TONGBAN_SIGNING_DIR": str(stack.signing),
            "TONGBAN_CERTIFICATES_ISSUERS": served,
            "TONGBAN_REGISTERS": served,
            "TONGBAN_REGISTER_KEY": str(stack.secrets / f"{name}-register.key"),
            "TONGBAN_PULL": json.dumps(pulled if name == "certificates" else {}),
        }
    if name == "notify":
        return {"TONGBAN_SMTP": stack.address("mail"), "TONGBAN_PUBLIC_URL": stack.url("intake")}
    return {
        "TONGBAN_PUBLIC_URL": stack.url("intake"),
        "TONGBAN_ACTS_DIR": str(stack.acts),
        "TONGBAN_VAULT_DIR": str(stack.vault),
        "TONGBAN_USERINFO": f"{stack.url('issuer')}/userinfo",
        "TONGBAN_FILES": stack.files.as_uri(),
    }


def certificate_bodies(name: str) -> list[str]:
    """The departments that a deployment of certificates issues and keeps registers for."""
    bodies = load_catalog().departments.values()
    return sorted(one.id for one in bodies if (one.region or "").startswith("98") == name.endswith("-98"))


def clients() -> dict[str, Client]:
    """The services that sign in as themselves, by their client id."""
    found = {name: Client("approvals", departments) for name, departments in APPROVALS.items()}
    found |= {name: Client("certificates", tuple(certificate_bodies(name))) for name in CERTIFICATES}
    found |= {f"source-{name}": Client("source", (name,)) for name in SOURCES}
    return found | {"notify": Client("notify", ())}
