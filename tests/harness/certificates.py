"""Certificates for tests."""

import os
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificate(folder, name, days=30):
    """A self-signed certificate for 127.0.0.1, replaced in place as certbot does: both files by rename."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
            "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", f"{key}.new", "-out", f"{cert}.new")
    os.replace(f"{key}.new", key)
    os.replace(f"{cert}.new", cert)
    return cert
