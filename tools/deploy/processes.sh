# shellcheck shell=bash
# Processes that outlive the script which started them, told apart by more than their ids.
#
# Each runs in a session of its own and is kept as a file $directory/processes/NAME that holds its
# id and its start time (field 22 of /proc/PID/stat). Ids are used again after a process ended:
# nothing here signals an id whose start time is not the recorded one. A record that is there says
# that the process should run; it goes away when the process is ended on purpose.
#
# NAME is "fabric", "node-N-dataplane" or "node-N-control". Sourced by deploy_distributed.sh, which
# says and fails with say, warn and fail, and sets $directory, $dry_run and $patience. Some of this
# runs in a trap, where a bare `return` would hand on the status from before the trap: they all name
# theirs.

# shellcheck disable=SC2154,SC2034  # variables shared with the script that sources this

declare -A log_offset=()  # NAME: how long its log was when it was launched
declare -A asked=()       # NAME: it ran, and was asked to end

log_of() { printf '%s/logs/%s.log' "$directory" "$1"; }

# read_stat PID: sets stat_state, stat_parent and stat_start from /proc/PID/stat; false when there
# is no such process. The name in field 2 may hold anything: what counts begins after its bracket.
read_stat() {
  local text fields
  { read -r text <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -r -a fields <<<"${text##*) }"
  stat_state=${fields[0]} stat_parent=${fields[1]} stat_start=${fields[19]}
}

# runs PID START: that very process, and not as a zombie that nobody has collected.
runs() { read_stat "$1" && [[ $stat_start == "$2" && $stat_state != [ZX] ]]; }

# read_record NAME: sets pid and start; false when nothing of that name should run.
read_record() {
  pid='' start=''
  { read -r pid start <"$directory/processes/$1"; } 2>/dev/null || true
  [[ $pid =~ ^[1-9][0-9]*$ && $start =~ ^[0-9]+$ ]]
}

is_running() { read_record "$1" && runs "$pid" "$start"; }

# state_of NAME: running; halted (by SIGSTOP); dead (it should run); stopped (on purpose, or never
# started).
state_of() {
  if ! read_record "$1"; then echo stopped
  elif runs "$pid" "$start"; then [[ $stat_state == [Tt] ]] && echo halted || echo running
  else echo dead
  fi
}

# uptime_of START: how long since then: "12 s", "3 min", "5 h", "9 d".
uptime_of() {
  local now seconds
  read -r now _ </proc/uptime
  seconds=$((${now%.*} - $1 / $(getconf CLK_TCK)))
  if ((seconds < 120)); then echo "$((seconds > 0 ? seconds : 0)) s"
  elif ((seconds < 7200)); then echo "$((seconds / 60)) min"
  elif ((seconds < 172800)); then echo "$((seconds / 3600)) h"
  else echo "$((seconds / 86400)) d"
  fi
}

# launch NAME COMMAND...: starts it, its output added to its log.
launch() {
  local name=$1 child record="$directory/processes/$1" log="$directory/logs/$1.log"
  shift
  if $dry_run; then say "would start  $*"; return 0; fi
  log_offset[$name]=$(stat -c %s "$log" 2>/dev/null || echo 0)
  # The script's own descriptors (9 is the lock on the deployment) must not live on in others.
  setsid "$@" >>"$log" 2>&1 </dev/null 3>&- 9>&- &
  child=$!
  read_stat "$child" || stat_start=0
  printf '%s %s\n' "$child" "$stat_start" >"$record.new"
  mv "$record.new" "$record"
  disown "$child" 2>/dev/null || true
}

# said_since NAME: what it said since it was launched.
said_since() { tail -c "+$((${log_offset[$1]:-0} + 1))" "$directory/logs/$1.log" 2>/dev/null; }
said() { said_since "$1" | grep -E -- "$2" >/dev/null; }

# The loops below look without command substitutions, which cost a process each, and in whose midst
# bash 5.2 at times cannot run a trap.

# await NAME WHAT CONDITION...: until the condition holds. False, with the end of its log, when the
# process ended before or its patience is over. Says every two seconds that it waits.
await() {
  local name=$1 what=$2 begun=$SECONDS next=$((SECONDS + 2))
  shift 2
  until "$@"; do
    if ! is_running "$name"; then
      complain "$name ended before it was ready" "$name"
      return 1
    fi
    if ((SECONDS - begun > patience)); then
      complain "$name: no sign of $what within $patience s" "$name"
      return 1
    fi
    if ((SECONDS >= next)); then
      say "         waiting for $what of $name, $((SECONDS - begun)) of at most $patience s"
      next=$((SECONDS + 2))
    fi
    sleep 0.05
  done
}

# complain TEXT NAME: what went wrong, and the last it said.
complain() {
  warn "$1"
  warn "--- the end of $(log_of "$2"):"
  tail -n 20 "$(log_of "$2")" >&2 || true
}

# gone_within SECONDS PID START
gone_within() {
  local deadline=$((SECONDS + $1))
  while runs "$2" "$3"; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.05
  done
}

# ask_to_end NAME: SIGTERM, to that very process and no other.
ask_to_end() {
  local pid start
  read_record "$1" && runs "$pid" "$start" || return 0
  asked[$1]=yes
  $dry_run || kill -TERM "$pid" 2>/dev/null || true
}

# see_ended NAME: waits until it ended, and kills it when it does not listen. Says which.
see_ended() {
  local name=$1 pid start
  if ! read_record "$name"; then say "$name   is not running"; return 0; fi
  if [[ -z ${asked[$name]:-} ]]; then
    $dry_run || rm -f "$directory/processes/$name"
    say "$name   is gone (process $pid has ended, or that id is somebody else's by now)"
    return 0
  fi
  if $dry_run; then say "would end $name (process $pid)"; return 0; fi
  if gone_within "$patience" "$pid" "$start"; then
    say "$name   ended (process $pid)"
  else
    if runs "$pid" "$start"; then kill -KILL "$pid" 2>/dev/null || true; fi
    gone_within 5 "$pid" "$start" || fail "$name: process $pid does not end, not even killed"
    warn "$name: did not end within $patience s of SIGTERM; killed (process $pid)"
  fi
  rm -f "$directory/processes/$name"
}

# terminate NAME...: all of them are asked before the first is waited for.
terminate() {
  local name
  for name in "$@"; do ask_to_end "$name"; done
  for name in "$@"; do see_ended "$name"; done
}

# listening_port_of PID: address:port of the first TCP socket it listens at; nothing when none.
listening_port_of() {
  local text
  text=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n' |
    awk 'FNR == NR { mine[$1] = 1; next } $4 == "0A" && $10 in mine { print $2; exit }' \
      - "/proc/$1/net/tcp" 2>/dev/null) || true
  [[ $text =~ ^(..)(..)(..)(..):(....)$ ]] || return 0
  printf '%d.%d.%d.%d:%d' $((16#${BASH_REMATCH[4]})) $((16#${BASH_REMATCH[3]})) \
    $((16#${BASH_REMATCH[2]})) $((16#${BASH_REMATCH[1]})) $((16#${BASH_REMATCH[5]}))
}

# listens_at PATH: some process listens at that Unix socket.
listens_at() {
  awk -v path="$1" '$4 == "00010000" && substr($0, length($0) - length(path)) == " " path \
    { found = 1; exit } END { exit !found }' /proc/net/unix
}

# ask ADDRESS:PORT PATH: what HTTP there answers within two seconds, headers included. In a shell of
# its own, which alone suffers when the other end goes away.
ask() (
  exec 8<>"/dev/tcp/${1%:*}/${1##*:}" || exit 1
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&8
  timeout 2 cat <&8
) 2>/dev/null
