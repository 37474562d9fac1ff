"""``python -m tongban_certificates``: runs the service, migrates its database, imports a table into a register."""

from tongban_runtime.service import main

from tongban_certificates import importing
from tongban_certificates.settings import CertificatesSettings
from tongban_certificates.wiring import wire

COMMANDS = {"import": importing.command}

if __name__ == "__main__":
    main("tongban_certificates", CertificatesSettings, wire, COMMANDS)
