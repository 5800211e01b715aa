#!/usr/bin/env python3
"""Sends one job to Valet and follows it to its end. It uses none of Valet's code.

    python3 partner.py partner.json

Exit code: 0 the output is stored, 1 the job has ended otherwise, 2 it was not sent, or its end is not known.
"""

import base64
import json
import secrets
import ssl
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pika
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient, BlobSasPermissions, generate_blob_sas
from jwcrypto import jwe, jwk
from pika import exceptions

STORAGE_VERSION = "2022-11-02"
CLOCKS_DIFFER = timedelta(minutes=15)


class Trouble(Exception):
    """What went wrong, and what to do about it, in one sentence."""


def main(settings_file):
    settings = read_settings(settings_file)
    job = uuid7()
    now = datetime.now(timezone.utc).replace(microsecond=0)
    not_after = now + timedelta(minutes=settings.get("lifetime_minutes", 360))

    grants = mint(settings, job, now, not_after)
    message = build(settings, job, grants, now, not_after)
    with connect(settings) as connection:
        publish(connection.channel(), settings, message, not_after)
        print(f"submitted {job}", flush=True)
        return follow(connection.channel(), settings["lane"], job, not_after)


def read_settings(settings_file):
    """The settings, with every `*_file` read; a file's name is relative to the settings."""
    path = Path(settings_file)
    settings = json.loads(path.read_text())
    for name in [name for name in settings if name.endswith("_file")]:
        file = path.parent / settings[name]
        settings[name.removesuffix("_file")] = file.read_text().strip()
    base64.b64decode(settings["account_key"], validate=True)
    return settings


def uuid7():
    """A new job id: 48 bits of time, then chance (RFC 9562). From Python 3.14 on: `uuid.uuid7()`."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(80)
    value = (milliseconds << 80) | random
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))


# --- Storage: two SAS, one to read one blob, one to create one blob ---------------------------------------------


def mint(settings, job, now, not_after):
    """The two URLs, and the ETag of the input as it is now."""
    endpoint = settings.get("blob_endpoint") or f"https://{settings['account']}.blob.core.windows.net"
    output_blob = settings["output_blob"].replace("{job}", job)
    # Plain http is for an emulator on this machine alone; Valet refuses it elsewhere.
    protocol = "https" if endpoint.startswith("https:") else "https,http"

    def url(container, blob, permission):
        client = BlobClient(
            endpoint, container, blob, credential=settings["account_key"], api_version=STORAGE_VERSION
        )
        token = generate_blob_sas(
            account_name=settings["account"],
            account_key=settings["account_key"],
            container_name=container,
            blob_name=blob,
            permission=permission,
            start=now - CLOCKS_DIFFER,
            expiry=not_after,
            protocol=protocol,
        )
        return client, f"{client.url}?{token}"

    source, read = url(settings["input_container"], settings["input_blob"], BlobSasPermissions(read=True))
    _, create = url(settings["output_container"], output_blob, BlobSasPermissions(create=True))
    try:
        etag = source.get_blob_properties().etag
    except AzureError as error:
        raise Trouble(f"the input cannot be read from storage: {type(error).__name__}") from None
    return {"input": read, "output": create, "etag": etag}


def build(settings, job, grants, now, not_after):
    """The message, docs/wire-format.md field by field."""
    message = {
        "version": 1,
        "id": job,
        "lane": settings["lane"],
        "input": {"etag": grants["etag"]},
        "output": {},
        "preset": settings["preset"],
        "limits": settings.get("limits", {}),
        "priority": settings.get("priority", "normal"),
        "tags": settings.get("tags", {}),
        "submitted_at": now.isoformat().replace("+00:00", "Z"),
        "not_after": not_after.isoformat().replace("+00:00", "Z"),
    }
    if "fleet_keys" in settings:
        message["sealed"] = seal(settings["fleet_keys"], message, grants, not_after)
    else:
        message["input"]["url"] = grants["input"]
        message["output"]["url"] = grants["output"]
    return message


def seal(fleet_keys, message, grants, not_after):
    """The two URLs as a JWE that Valet's workers alone can open, and only in this message."""
    key = json.loads(fleet_keys)["keys"][0]
    preset = message["preset"]
    header = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "kid": key["kid"],
        "job": message["id"],
        "lane": message["lane"],
        "preset": f"{preset['name']}/{preset['version']}",
        "exp": int(not_after.timestamp()),
    }
    urls = json.dumps({"input": grants["input"], "output": grants["output"]})
    sealed = jwe.JWE(urls.encode(), protected=json.dumps(header), recipient=jwk.JWK(**key))
    return sealed.serialize(compact=True)


# --- The broker: one message out, reports back ------------------------------------------------------------------


def connect(settings):
    parameters = pika.URLParameters(settings["broker_url"])
    parameters.credentials = pika.PlainCredentials(settings["username"], settings["password"])
    parameters.heartbeat = 30
    parameters.blocked_connection_timeout = 60
    if "broker_ca" in settings:
        context = ssl.create_default_context(cadata=settings["broker_ca"])
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    try:
        return pika.BlockingConnection(parameters)
    except (exceptions.ProbableAuthenticationError, exceptions.AuthenticationError):
        raise Trouble("the broker refuses the login: wrong name, password, or a token that has expired") from None
    except exceptions.AMQPError as error:
        raise Trouble(f"the broker cannot be reached: {error!r}") from None


def publish(channel, settings, message, not_after):
    """Sends the message and waits until the broker has stored it."""
    lane, priority = settings["lane"], message["priority"]
    exchange = f"in.{lane}" if priority == "normal" else f"in.{lane}.{priority}"
    seconds_left = not_after - datetime.now(timezone.utc)
    properties = pika.BasicProperties(
        content_type="application/json",
        type="valet.job.v1",
        message_id=message["id"],
        user_id=settings["username"],
        delivery_mode=2,
        timestamp=int(time.time()),
        expiration=str(int(seconds_left.total_seconds() * 1000)),
    )
    try:
        channel.confirm_delivery()
        channel.basic_publish(exchange, "", json.dumps(message).encode(), properties, mandatory=True)
    except exceptions.NackError:
        raise Trouble(f"the lane {lane} is full: send the same message again later, with the same id") from None
    except exceptions.UnroutableError:
        raise Trouble(f"the exchange {exchange} leads nowhere: ask the operator about the lane") from None
    except exceptions.ChannelClosedByBroker as error:
        raise Trouble(explain(error, exchange)) from None


def explain(error, what):
    reasons = {
        403: f"this login may not use {what}: name the lane's own exchange and queue",
        404: f"there is no {what}: compare lane and priority with what the operator gave you",
        406: "the broker refuses the message: larger than 65,536 bytes, or user_id is not the login",
    }
    return reasons.get(error.reply_code, f"the broker closed the channel: {error.reply_code} {error.reply_text}")


def follow(channel, lane, job, not_after):
    """Reads the lane's reports until the job's last one. A report of another job is shown and taken too: a program
    with many jobs has one reader that hands each report to whom it concerns."""
    seen = set()
    give_up = not_after + CLOCKS_DIFFER
    try:
        for method, properties, body in channel.consume(f"events.{lane}", inactivity_timeout=1):
            if datetime.now(timezone.utc) > give_up:
                break
            if method is None:
                continue
            event = {name.removeprefix("cloudEvents:"): value for name, value in (properties.headers or {}).items()}
            data = json.loads(body)
            channel.basic_ack(method.delivery_tag)
            # At least once: a report that comes twice has the same id.
            if event.get("id") in seen:
                continue
            seen.add(event.get("id"))
            print(f"{event.get('type')} {event.get('id')} {json.dumps(data)}", flush=True)
            if event.get("subject") == job and is_last(event["type"], data):
                channel.cancel()
                return 0 if event["type"] == "valet.job.succeeded" else 1
    except exceptions.ChannelClosedByBroker as error:
        raise Trouble(explain(error, f"events.{lane}")) from None
    raise Trouble(f"no last report of {job} came: ask the operator with this id")


def is_last(kind, data):
    if kind == "valet.job.expired":
        return data.get("remints_left", 0) == 0
    return kind in {"valet.job.succeeded", "valet.job.failed", "valet.job.dead", "valet.job.cancelled"}


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise Trouble("which settings? python3 partner.py partner.json")
        sys.exit(main(sys.argv[1]))
    except KeyError as error:
        print(f"partner: the settings lack {error}", file=sys.stderr)
    except (Trouble, exceptions.AMQPError, OSError, ValueError) as error:
        kind = "" if isinstance(error, Trouble) else f"{type(error).__name__}: "
        print(f"partner: {kind}{error}", file=sys.stderr)
    sys.exit(2)
