"""Authenticators that others wrote (soft-webauthn), and the browser before them, which sends their answers
where it is told: to a real socket.

Each line of the input is an order, each line of the output what came of it, both as JSON. Ends with the input.
Orders: {"do": "register" | "sign_in" | "send", "passkey": NAME, ...}; see the functions of these names.

soft-webauthn never verifies its user. `verified` mends that: the flag is set, and the answer signed anew.
"""

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http.client import HTTPConnection

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.utils import sha256
from soft_webauthn import SoftWebauthnDevice

ADDRESS, HOST, ORIGIN = sys.argv[1:4]
VERIFIED = 0x04
# After the hash of the party's id (WebAuthn, section 6.1).
FLAGS = 32

passkeys = {}


def encoded(data):
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def post(path, body, cookie=None):
    """What the server answers: its status, its cookies and its JSON."""
    headers = {"Host": HOST, "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    if cookie:
        headers["Cookie"] = cookie
    connection = HTTPConnection(ADDRESS, timeout=30)
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    cookies = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie", [])]
    connection.close()
    try:
        said = json.loads(text)
    except ValueError:
        said = {"text": text}
    return {"status": answer.status, "cookies": [one for one in cookies if not one.endswith("=")], "said": said}


def begun(path, cookie=None):
    """The name of a new ceremony, and its options as soft-webauthn takes them: bytes where bytes are meant."""
    answer = post(path, {}, cookie)
    if answer["status"] != 200:
        raise ValueError(f"POST {path}: {answer}")
    options = answer["said"]["options"]
    asked = options["publicKey"]
    asked["challenge"] = decoded(asked["challenge"])
    if "user" in asked:
        asked["user"]["id"] = decoded(asked["user"]["id"])
    return answer["said"]["ceremony"], options


def written(credential):
    """A credential as browsers write it in JSON (section 5.1.8)."""
    response = {name: encoded(value) for name, value in credential["response"].items()}
    own = encoded(credential["rawId"])
    return {
        "id": own,
        "rawId": own,
        "type": credential["type"],
        "response": response,
        "clientExtensionResults": {},
    }


def signed_anew(device, response, data):
    client = sha256(response["clientDataJSON"])
    response["authenticatorData"] = bytes(data)
    response["signature"] = device.private_key.sign(bytes(data) + client, ec.ECDSA(hashes.SHA256()))


def register(passkey, cookie, origin=ORIGIN, verified=True, rp_id=None):
    """Makes a passkey in the session of `cookie`, and has it added."""
    ceremony, options = begun("/account/passkey/options", cookie)
    if rp_id:
        options["publicKey"]["rp"]["id"] = rp_id
    device = SoftWebauthnDevice()
    credential = device.create(options, origin)
    if verified:
        attestation = cbor.decode(credential["response"]["attestationObject"])
        data = bytearray(attestation["authData"])
        data[FLAGS] |= VERIFIED
        attestation["authData"] = bytes(data)
        credential["response"]["attestationObject"] = cbor.encode(attestation)
    answer = post("/account/passkey", {"ceremony": ceremony, "response": written(credential)}, cookie)
    if answer["status"] == 200:
        passkeys[passkey] = device
    return answer


def shown(passkey, origin=ORIGIN, verified=True, rp_id=None, counter=None, as_of=None, altered=None, ceremony=None):
    """What is posted to sign in: with another `origin`, `rp_id`, `counter` or id (`as_of` another passkey)
    than right, or one byte `altered` in a part of it after the signature."""
    name, options = begun("/login/passkey/options")
    device = passkeys[passkey]
    own = device.rp_id
    if rp_id:
        options["publicKey"]["rpId"] = device.rp_id = rp_id
    if counter is not None:
        device.sign_count = counter - 1  # it counts before it signs
    credential = device.get(options, origin)
    device.rp_id = own
    response = credential["response"]
    if verified:
        data = bytearray(response["authenticatorData"])
        data[FLAGS] |= VERIFIED
        signed_anew(device, response, data)
    if as_of:
        credential["rawId"] = passkeys[as_of].credential_id
    if altered:
        part = bytearray(response[altered])
        part[-1] ^= 1
        response[altered] = bytes(part)
    return {"ceremony": ceremony or name, "response": written(credential)}


def prepare(**how):
    """What would be posted to sign in, for `send`."""
    return shown(**how)


def sign_in(**how):
    """Signs in with a passkey that is shown so."""
    return send(shown(**how))


def send(body):
    """Posts a sign-in that was prepared, perhaps not for the first time."""
    return post("/login/passkey", body)


for line in sys.stdin:
    order = json.loads(line)
    does = {"register": register, "prepare": prepare, "sign_in": sign_in, "send": send}[order.pop("do")]
    print(json.dumps(does(**order)), flush=True)
