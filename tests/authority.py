"""An authority of our own, and certificates that it has signed or should not have."""

import subprocess
from pathlib import Path


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path, host: str) -> None:
    """Put ``ca.pem``, ``server.key`` and certificates for ``host`` into a folder.

    ``good`` is sound, ``expired`` was valid for a day in 2020, ``elsewhere`` is another host's, ``alone`` is
    signed by itself.
    """
    (folder / "openssl.cnf").write_text(
        "[ca]\ndefault_ca = ours\n"
        "[ours]\nnew_certs_dir = .\ndatabase = index.txt\nserial = serial\nprivate_key = ca.key\n"
        "certificate = ca.pem\ndefault_md = sha256\npolicy = any\nunique_subject = no\n"
        "[any]\ncommonName = supplied\n"
        "[req]\ndistinguished_name = name\n[name]\n"
        "[authority]\nbasicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign\n"
        "subjectKeyIdentifier = hash\n"
        f"[here]\nsubjectAltName = IP:{host}\nauthorityKeyIdentifier = keyid\n"
        "[elsewhere]\nsubjectAltName = DNS:elsewhere.example\nauthorityKeyIdentifier = keyid\n"
    )
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    new = ("req", "-config", "openssl.cnf", "-newkey", "rsa:2048", "-nodes")
    openssl(
        folder,
        *(*new, "-x509", "-subj", "/CN=Our authority", "-extensions", "authority"),
        *("-keyout", "ca.key", "-out", "ca.pem", "-days", "2"),
    )
    openssl(folder, *new, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    sign = ("ca", "-batch", "-config", "openssl.cnf", "-in", "server.csr", "-notext")
    long_ago = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    openssl(folder, *sign, "-extensions", "here", *long_ago, "-out", "expired.pem")
    openssl(folder, *sign, "-extensions", "here", "-days", "1", "-out", "good.pem")
    openssl(folder, *sign, "-extensions", "elsewhere", "-days", "1", "-out", "elsewhere.pem")
    openssl(
        folder,
        *("req", "-config", "openssl.cnf", "-x509", "-key", "server.key", "-subj", "/CN=server"),
        *("-extensions", "here", "-days", "1", "-out", "alone.pem"),
    )
