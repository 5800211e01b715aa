#!/usr/bin/env bash
# Sends one job to Valet and follows it to its end, with bash, GNU coreutils, openssl, curl and jq. It uses none of
# Valet's code.
#
#     bash partner.sh partner.json
#
# It speaks to RabbitMQ's management API, so the operator must have given the login the tag `management`; the other
# samples speak AMQP and need no tag. No secret is ever an argument of a program, where other users could read it.
# Exit code: 0 the output is stored, 1 the job has ended otherwise, 2 it was not sent, or its end is not known.
set -euo pipefail

storage_version=2022-11-02
clocks_differ=900

fail() {
    printf 'partner: %s\n' "$1" >&2
    exit 2
}

[ $# -eq 1 ] && [ -r "$1" ] || fail "which settings? bash partner.sh partner.json"
settings=$1
folder=$(dirname "$settings")

setting() { jq -er --arg name "$1" --arg other "${2-}" \
    '.[$name] // (if $other == "" then error("no " + $name) else $other end)' "$settings" 2>/dev/null \
    || fail "the settings lack $1"; }
secret() { tr -d '\n' < "$folder/$(setting "$1")"; }
encode() { jq -rn --arg text "$1" '$text | @uri'; }
encode_path() { jq -rn --arg text "$1" '$text | split("/") | map(@uri) | join("/")'; }

lane=$(setting lane)
username=$(setting username)
account=$(setting account)
endpoint=$(setting blob_endpoint "https://$account.blob.core.windows.net")
management=$(setting management_url)
vhost=$(encode "$(setting vhost /)")
priority=$(setting priority normal)
input_container=$(setting input_container)
input_blob=$(setting input_blob)
output_container=$(setting output_container)
output_blob=$(setting output_blob)
lifetime_minutes=$(setting lifetime_minutes 360)

# --- Storage: two SAS, one to read one blob, one to create one blob ---------------------------------------------

# HMAC-SHA256 of standard input by RFC 2104, in base64; the key (in hex) stays inside this shell.
hmac() {
    local key=$1 inner="" outer="" at byte
    if [ ${#key} -gt 128 ]; then fail "an account key has at most 64 bytes"; fi
    while [ ${#key} -lt 128 ]; do key+=00; done
    for ((at = 0; at < 128; at += 2)); do
        byte=$((16#${key:at:2}))
        printf -v inner '%s\\x%02x' "$inner" $((byte ^ 0x36))
        printf -v outer '%s\\x%02x' "$outer" $((byte ^ 0x5c))
    done
    { printf '%b' "$outer"; { printf '%b' "$inner"; cat; } | openssl dgst -sha256 -binary; } \
        | openssl dgst -sha256 -binary | openssl base64 -A
}

# The URL of one blob with a SAS: grant CONTAINER BLOB RIGHT. What is signed has 16 fields, the last seven empty.
grant() {
    local container=$1 blob=$2 right=$3 protocol=https signature
    # Plain http is for an emulator on this machine alone; Valet refuses it elsewhere.
    case $endpoint in http:*) protocol=https,http ;; esac
    signature=$(printf '%s\n%s\n%s\n/blob/%s/%s/%s\n\n\n%s\n%s\nb\n\n\n\n\n\n\n' "$right" "$start" "$expiry" \
        "$account" "$container" "$blob" "$protocol" "$storage_version" | hmac "$account_key")
    signature=${signature//+/%2B}
    signature=${signature//\//%2F}
    printf '%s/%s/%s?sv=%s&sr=b&sp=%s&st=%s&se=%s&spr=%s&sig=%s\n' \
        "$endpoint" "$container" "$(encode_path "$blob")" "$storage_version" "$right" \
        "$(encode "$start")" "$(encode "$expiry")" "$(encode "$protocol")" "${signature//=/%3D}"
}

# A new job id: 48 bits of time, then chance (RFC 9562).
uuid7() {
    local time random
    printf -v time '%012x' "$(date +%s%3N)"
    random=$(openssl rand -hex 10)
    printf '%s-%s-7%s-%x%s-%s' "${time:0:8}" "${time:8:4}" "${random:0:3}" \
        $((8 + 16#${random:3:1} % 4)) "${random:4:3}" "${random:7:12}"
}

account_key=$(secret account_key_file | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
[ -n "$account_key" ] || fail "the account key is not base64"
job=$(uuid7)
now=$(date +%s)
not_after=$((now + 60 * lifetime_minutes))
instant() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
start=$(instant $((now - clocks_differ)))
expiry=$(instant "$not_after")

read_url=$(grant "$input_container" "$input_blob" r)
create_url=$(grant "$output_container" "${output_blob//\{job\}/$job}" c)
# The ETag of the input as it is now; curl gets the URL by a pipe, jq both by standard input.
etag=$(curl --silent --show-error --fail --head --max-time 30 --config <(printf 'url = "%s"\n' "$read_url") \
    --header "x-ms-version: $storage_version" | tr -d '\r' | sed -n 's/^etag: //Ip') && [ -n "$etag" ] \
    || fail "the input cannot be read from storage"
message=$(
    printf '%s\n%s\n' "$read_url" "$create_url" | jq -Rn --slurpfile settings "$settings" \
        --arg id "$job" --arg lane "$lane" --arg priority "$priority" \
        --arg now "$(instant "$now")" --arg expiry "$expiry" --arg etag "$etag" '
        [inputs] as [$input, $output] | $settings[0] as $settings | {
            version: 1, id: $id, lane: $lane,
            input: { url: $input, etag: $etag }, output: { url: $output },
            preset: $settings.preset, limits: ($settings.limits // {}), priority: $priority,
            tags: ($settings.tags // {}), submitted_at: $now, not_after: $expiry
        }'
)

# --- The broker: one message out, reports back, through the management API --------------------------------------

# call METHOD PATH, the body by standard input; prints the answer and, on a line of its own, its status. The login
# goes to curl by a pipe.
call() {
    curl --silent --show-error --max-time 30 --request "$1" --header 'content-type: application/json' \
        --config <(printf 'user = "%s:%s"\n' "$username" "$(secret password_file)") \
        --data-binary @- --write-out '\n%{http_code}\n' "$management/api/$2"
}

exchange="in.$lane"
[ "$priority" = normal ] || exchange="in.$lane.$priority"
answer=$(
    printf '%s' "$message" | jq -Rs --arg id "$job" --arg user "$username" --arg now "$now" \
        --arg milliseconds $(((not_after - $(date +%s)) * 1000)) '{
            routing_key: "", payload_encoding: "string", payload: .,
            properties: {
                content_type: "application/json", type: "valet.job.v1", message_id: $id, user_id: $user,
                delivery_mode: 2, timestamp: ($now | tonumber), expiration: $milliseconds
            }
        }' | call POST "exchanges/$vhost/$exchange/publish"
) || fail "the broker cannot be reached"
case $(tail -n 1 <<< "$answer") in
    200) [ "$(head -n 1 <<< "$answer" | jq .routed)" = true ] \
        || fail "the exchange $exchange leads nowhere: ask the operator about the lane" ;;
    401) fail "the broker refuses the login: wrong name or password, or it lacks the tag management" ;;
    404) fail "there is no $exchange: compare lane and priority with what the operator gave you" ;;
    *) fail "the broker refuses it (a full lane, or not your exchange?): $(head -n 1 <<< "$answer")" ;;
esac
echo "submitted $job"

# A report of another job is shown and taken too: a program with many jobs has one reader that hands each report to
# whom it concerns. At least once: a report that comes twice has the same id.
seen=" "
while [ "$(date +%s)" -lt $((not_after + clocks_differ)) ]; do
    answer=$(echo '{"count": 10, "ackmode": "ack_requeue_false", "encoding": "auto"}' \
        | call POST "queues/$vhost/events.$lane/get") || fail "the broker cannot be reached"
    [ "$(tail -n 1 <<< "$answer")" = 200 ] || fail "the reports cannot be read: $(head -n 1 <<< "$answer")"
    ended=""
    while IFS=$'\t' read -r kind id subject left data; do
        case $seen in *" $id "*) continue ;; esac
        seen+="$id "
        echo "$kind $id $data"
        [ "$subject" = "$job" ] || continue
        case $kind in
            valet.job.succeeded) ended=0 ;;
            valet.job.failed | valet.job.dead | valet.job.cancelled) ended=1 ;;
            valet.job.expired) [ "$left" != 0 ] || ended=1 ;;
        esac
    done < <(head -n 1 <<< "$answer" | jq -r '.[] | .properties.headers as $h | (.payload | fromjson) as $data
        | [$h["cloudEvents:type"], $h["cloudEvents:id"], $h["cloudEvents:subject"], ($data.remints_left // 0),
           ($data | tojson)] | map(tostring) | join("\t")')
    [ -z "$ended" ] || exit "$ended"
    sleep 1
done
fail "no last report of $job came: ask the operator with this id"
