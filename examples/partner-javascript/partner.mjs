#!/usr/bin/env node
// Sends one job to Valet and follows it to its end. It uses none of Valet's code.
//
//     node partner.mjs partner.json
//
// Exit code: 0 the output is stored, 1 the job has ended otherwise, 2 it was not sent, or its end is not known.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import {
  BlobSASPermissions,
  BlobServiceClient,
  SASProtocol,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";
import amqp from "amqplib";

const STORAGE_VERSION = "2022-11-02";
const CLOCKS_DIFFER_MS = 15 * 60 * 1000;
const LAST = new Set(["valet.job.succeeded", "valet.job.failed", "valet.job.dead", "valet.job.cancelled"]);

/** What went wrong, and what to do about it, in one sentence. */
class Trouble extends Error {}

async function main(settingsFile) {
  const settings = readSettings(settingsFile);
  const job = uuid7();
  const now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const notAfter = new Date(now.getTime() + (settings.lifetime_minutes ?? 360) * 60 * 1000);

  const grants = await mint(settings, job, now, notAfter);
  const message = build(settings, job, grants, now, notAfter);
  const connection = await connect(settings);
  try {
    await publish(connection, settings, message, notAfter);
    console.log(`submitted ${job}`);
    return await follow(connection, settings.lane, job, notAfter);
  } finally {
    await connection.close().catch(() => {});
  }
}

/** The settings, with every `*_file` read; a file's name is relative to the settings. */
function readSettings(settingsFile) {
  const settings = JSON.parse(readFileSync(settingsFile, "utf8"));
  for (const name of Object.keys(settings).filter((name) => name.endsWith("_file"))) {
    const file = resolve(dirname(settingsFile), settings[name]);
    settings[name.slice(0, -"_file".length)] = readFileSync(file, "utf8").trim();
  }
  const needed = ["broker_url", "lane", "username", "password", "account", "account_key", "input_container"];
  for (const name of [...needed, "input_blob", "output_container", "output_blob", "preset"]) {
    if (settings[name] === undefined) throw new Trouble(`the settings lack ${name}`);
  }
  return settings;
}

/** A new job id: 48 bits of time, then chance (RFC 9562). */
function uuid7() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// --- Storage: two SAS, one to read one blob, one to create one blob ---------------------------------------------

/** The two URLs, and the ETag of the input as it is now. */
async function mint(settings, job, now, notAfter) {
  const endpoint = settings.blob_endpoint ?? `https://${settings.account}.blob.core.windows.net`;
  const outputBlob = settings.output_blob.replaceAll("{job}", job);
  const credential = new StorageSharedKeyCredential(settings.account, settings.account_key);
  const storage = new BlobServiceClient(endpoint, credential);
  // Plain http is for an emulator on this machine alone; Valet refuses it elsewhere.
  const protocol = endpoint.startsWith("https:") ? SASProtocol.Https : SASProtocol.HttpsAndHttp;

  const grant = (containerName, blobName, permission) => {
    const client = storage.getContainerClient(containerName).getBlobClient(blobName);
    const values = {
      containerName,
      blobName,
      permissions: BlobSASPermissions.parse(permission),
      startsOn: new Date(now.getTime() - CLOCKS_DIFFER_MS),
      expiresOn: notAfter,
      protocol,
      version: STORAGE_VERSION,
    };
    return { client, url: `${client.url}?${generateBlobSASQueryParameters(values, credential)}` };
  };

  const read = grant(settings.input_container, settings.input_blob, "r");
  const create = grant(settings.output_container, outputBlob, "c");
  const found = await read.client.getProperties().catch((error) => {
    throw new Trouble(`the input cannot be read from storage: ${error.code ?? error.name}`);
  });
  return { input: read.url, output: create.url, etag: found.etag };
}

/** The message, docs/wire-format.md field by field. */
function build(settings, job, grants, now, notAfter) {
  return {
    version: 1,
    id: job,
    lane: settings.lane,
    input: { url: grants.input, etag: grants.etag },
    output: { url: grants.output },
    preset: settings.preset,
    limits: settings.limits ?? {},
    priority: settings.priority ?? "normal",
    tags: settings.tags ?? {},
    submitted_at: now.toISOString(),
    not_after: notAfter.toISOString(),
  };
}

// --- The broker: one message out, reports back ------------------------------------------------------------------

async function connect(settings) {
  const url = new URL(settings.broker_url);
  const tls = url.protocol === "amqps:";
  const address = {
    protocol: url.protocol.slice(0, -1),
    hostname: url.hostname,
    port: Number(url.port) || (tls ? 5671 : 5672),
    username: settings.username,
    password: settings.password,
    vhost: decodeURIComponent(url.pathname.slice(1)) || "/",
    heartbeat: 30,
  };
  const connection = await amqp
    .connect(address, { timeout: 30_000, servername: url.hostname, ca: settings.broker_ca })
    .catch((error) => {
      const refused = /ACCESS[_-]REFUSED|403/.test(String(error.message));
      throw new Trouble(
        refused
          ? "the broker refuses the login: wrong name, password, or a token that has expired"
          : `the broker cannot be reached: ${error.message}`,
      );
    });
  // Whoever waits on a channel is told there; a listener only keeps Node from ending the program.
  connection.on("error", () => {});
  return connection;
}

/** A promise that fails when the broker closes the channel or the connection. */
function closing(connection, channel, what) {
  return new Promise((_, reject) => {
    channel.on("error", (error) => reject(new Trouble(explain(error, what))));
    connection.on("close", () => reject(new Trouble("the connection to the broker is lost: run it again later")));
  });
}

function explain(error, what) {
  const reasons = {
    403: `this login may not use ${what}: name the lane's own exchange and queue`,
    404: `there is no ${what}: compare lane and priority with what the operator gave you`,
    406: "the broker refuses the message: larger than 65,536 bytes, or user_id is not the login",
  };
  return reasons[error.code] ?? `the broker closed the channel: ${error.message}`;
}

/** Sends the message and waits until the broker has stored it. */
async function publish(connection, settings, message, notAfter) {
  const { lane } = settings;
  const exchange = message.priority === "normal" ? `in.${lane}` : `in.${lane}.${message.priority}`;
  const channel = await connection.createConfirmChannel();
  const closed = closing(connection, channel, exchange);
  const confirmed = new Promise((stored, reject) => {
    channel.on("return", () =>
      reject(new Trouble(`the exchange ${exchange} leads nowhere: ask the operator about the lane`)),
    );
    const properties = {
      contentType: "application/json",
      type: "valet.job.v1",
      messageId: message.id,
      userId: settings.username,
      deliveryMode: 2,
      mandatory: true,
      timestamp: Math.floor(Date.now() / 1000),
      expiration: String(notAfter.getTime() - Date.now()),
    };
    const full = () =>
      reject(new Trouble(`the lane ${lane} is full: send the same message again later, with the same id`));
    channel.publish(exchange, "", Buffer.from(JSON.stringify(message)), properties, (nack) =>
      nack ? full() : stored(),
    );
  });
  await Promise.race([confirmed, closed]);
  await channel.close();
}

/**
 * Reads the lane's reports until the job's last one. A report of another job is shown and taken too: a program with
 * many jobs has one reader that hands each report to whom it concerns.
 */
async function follow(connection, lane, job, notAfter) {
  const channel = await connection.createChannel();
  const closed = closing(connection, channel, `events.${lane}`);
  const seen = new Set();
  let giveUp;
  const last = new Promise((ended, reject) => {
    const never = () => reject(new Trouble(`no last report of ${job} came: ask the operator with this id`));
    giveUp = setTimeout(never, notAfter.getTime() - Date.now() + CLOCKS_DIFFER_MS);
    const take = (delivery) => {
      if (delivery === null) return never();
      const header = (name) => delivery.properties.headers[`cloudEvents:${name}`];
      const data = JSON.parse(delivery.content.toString());
      channel.ack(delivery);
      // At least once: a report that comes twice has the same id.
      if (seen.has(header("id"))) return undefined;
      seen.add(header("id"));
      console.log(`${header("type")} ${header("id")} ${JSON.stringify(data)}`);
      if (header("subject") === job && isLast(header("type"), data)) ended(header("type"));
      return undefined;
    };
    channel.consume(`events.${lane}`, take).catch(() => {}); // `closed` tells why
  });
  const end = await Promise.race([last, closed]).finally(() => clearTimeout(giveUp));
  return end === "valet.job.succeeded" ? 0 : 1;
}

function isLast(kind, data) {
  return kind === "valet.job.expired" ? !data.remints_left : LAST.has(kind);
}

try {
  if (process.argv.length !== 3) throw new Trouble("which settings? node partner.mjs partner.json");
  process.exitCode = await main(process.argv[2]);
} catch (error) {
  console.error(`partner: ${error instanceof Trouble ? error.message : `${error.name}: ${error.message}`}`);
  process.exitCode = 2;
}
