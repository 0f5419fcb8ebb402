"""Oracle's recorded exchanges, asked by requests that are signed with a key made for the test."""

import tempfile
from functools import cache, partial
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from providers import oci
from tests.providers.counterpart import MARK, Counterpart
from tests.providers.exchanges import Recording, serving

TENANCY = "ocid1.tenancy.oc1..ex"
USER = f"ocid1.user.oc1..{MARK}"
FINGERPRINT = ":".join(["1f"] * 16)
RECORDING = Recording.of(oci.KEY)


@cache
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def config_file() -> Path:
    """Write the SDK's configuration file as a user has it, with the key beside it."""
    folder = Path(tempfile.mkdtemp(prefix="tonnage-oci-"))
    key = folder / "key.pem"
    key.write_bytes(
        signing_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    file = folder / "config"
    lines = ("[DEFAULT]", f"user={USER}", f"fingerprint={FINGERPRINT}", f"key_file={key}")
    file.write_text("\n".join((*lines, f"tenancy={TENANCY}", "region=us-ashburn-1")))
    for each in (key, file):
        each.chmod(0o600)
    return file


def environment(url: str) -> dict[str, str]:
    addresses = ("TONNAGE_OCI_URL", oci.SHAPES_URL, oci.IDENTITY_URL, oci.COMPUTE_URL)
    return dict.fromkeys(addresses, url) | {oci.CONFIG_FILE: str(config_file())}


COUNTERPART = Counterpart(
    key=oci.KEY,
    recording=RECORDING,
    serve=partial(serving, RECORDING),
    environment=environment,
    classify=oci.classify,
    second_page=lambda asked: "page=page-2" in asked.target,
    searches=("/20160918/computeCapacityReports",),
)
