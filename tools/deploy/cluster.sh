# shellcheck shell=bash
# What a deployment consists of: its directory, its configurations, the fabric, and when a node is
# ready. Sourced by deploy_distributed.sh.
#
# The directory holds deployment (the marker, written first and removed last: nothing without it is
# ever removed), node-N.json, consensus/node-N, processes/, logs/ and tmp/. Sockets have the names
# that every program looks for, and lie in the runtime directory for the deployment whose directory
# was not chosen, so that the CLI finds them unasked, and else in the directory itself.

# shellcheck disable=SC2154,SC2034  # variables shared with the script that sources this

fabric_program=tools/ringroad-fabric/ringroad-fabric
dataplane_program=dataplane/ringroad-dataplane
control_program=control/ringroad-control
cli_program=tools/ringroad/ringroad
heard_within=6  # seconds: they tell each other once a second
log_program=tools/ringroad-log/ringroad-log
voters_max=7  # that agree on what is written; more would only make it slower

# As dataplane/config_paths.cc finds it.
runtime_directory() {
  if [[ ${RINGROAD_RUNTIME_DIR:-} == /* ]]; then printf '%s' "$RINGROAD_RUNTIME_DIR"
  elif [[ -w /run/ringroad && -x /run/ringroad ]]; then printf '/run/ringroad'
  elif [[ ${XDG_RUNTIME_DIR:-} == /* ]]; then printf '%s/ringroad' "$XDG_RUNTIME_DIR"
  else printf '/tmp/ringroad-%s' "$UID"
  fi
}

marker() { printf '%s/deployment' "$directory"; }
config_of() { printf '%s/node-%s.json' "$directory" "$1"; }

# Reads KEY=value lines of the marker into the variables named; other lines are ignored.
read_marker() {
  local key value
  pages_before='' pages_after='' made_mount=false
  while IFS='=' read -r key value; do
    case $key in
      cluster | cluster_size | build | sockets | with_control | made_directory | made_sockets | \
        pages_before | pages_after | made_mount)
        printf -v "$key" '%s' "$value" ;;
    esac
  done <"$(marker)"
  [[ $cluster_size =~ ^([1-9]|[1-5][0-9]|6[0-4])$ && $sockets == /* && $build == /* &&
    "$with_control $made_directory $made_sockets" =~ ^((true|false)\ ?){3}$ ]] ||
    fail "$(marker): is damaged" "end what runs by hand (ps -C ringroad-dataplane), then rm it"
}

write_marker() {  # at a path
  printf '%s\n' "cluster=$cluster" "cluster_size=$cluster_size" "build=$build" "sockets=$sockets" \
    "with_control=$with_control" "made_directory=$made_directory" \
    "made_sockets=$made_sockets" >"$1"
}

# Sockets have 107 bytes for their path, and configurations are JSON written without escapes.
check_path() {
  [[ $1 =~ ^/[][A-Za-z0-9/._@+,:=\ ~-]*$ ]] ||
    wrong_usage "--directory: \"$1\" has characters besides letters, digits and /._@+,:=~-"
  local longest="$1/node-64-control.sock"
  ((${#longest} <= 107)) ||
    wrong_usage "--directory: $1 is too long for sockets in it (at most 86 bytes)"
}

check_programs() {
  local program missing=()
  local wanted=("$fabric_program" "$dataplane_program" "$log_program")
  ! $with_control || wanted+=("$control_program")
  for program in "${wanted[@]}"; do
    [[ -x $build/$program ]] || missing+=("$program")
  done
  ((${#missing[@]})) || return 0
  local mend="meson setup $build && ninja -C $build ${missing[*]}"
  [[ ! -f $build/build.ninja ]] || mend="ninja -C $build ${missing[*]}"
  [[ ${missing[*]} != "$control_program" ]] ||
    mend+="    or --without-control, for nodes without CLI and metrics"
  fail "$build: not built there: ${missing[*]}" "$mend"
}

# --- configurations --------------------------------------------------------------------------

# The buffers of a node grow with its peers, and a cluster's with their square: beyond 8 nodes, each
# link keeps less, so that 64 nodes fit a small machine. Empty when the defaults do.
write_limits() {
  ((cluster_size > 8)) || return 0
  local held=512
  while ((held * cluster_size > 4096)); do ((held /= 2)); done
  printf '\n  "limits": {"queue_messages": 256, "window_messages": 256, "held_frames": %d},' "$held"
}

write_peers() {
  local self=$1 peer separator=''
  for ((peer = 1; peer <= cluster_size; ++peer)); do
    ((peer != self)) || continue
    printf '%s    {"node_id": %d, "zone": "az-%d",\n' "$separator" "$peer" $(((peer - 1) % 3 + 1))
    printf '     "endpoints": [{"address": "10.77.0.%d", "port": 8801}]}' "$peer"
    separator=$',\n'
  done
}

# has_consensus N: whether node N is one of those that agree on what is written.
has_consensus() { (($1 <= voters_max)); }
consensus_of() { printf '%s/consensus/node-%s' "$directory" "$1"; }

# make_consensus_log N: the folder of its log. All first members are told the same.
make_consensus_log() {
  local node members=1 text
  has_consensus "$1" || return 0
  if $dry_run; then say "would make   $(consensus_of "$1")"; return 0; fi
  for ((node = 2; node <= cluster_size && node <= voters_max; ++node)); do members+=",$node"; done
  text=$("$build/$log_program" format --node "$1" --members "$members" --cluster "$cluster" \
    "$(consensus_of "$1")" 2>&1) || {
    warn "$text"
    fail "$(consensus_of "$1"): the log cannot be made" \
      "make room there (df $directory): 32 MB a node"
  }
}

write_consensus() {
  has_consensus "$1" || return 0
  printf '\n  "consensus": {"directory": "%s"},' "$(consensus_of "$1")"
}

write_config() {
  local self=$1
  if $dry_run; then say "would write  $(config_of "$self")"; return 0; fi
  cat >"$(config_of "$self")" <<JSON
{
  "cluster": {"name": "$cluster"},
  "local_node": {
    "node_id": $self, "zone": "az-$(((self - 1) % 3 + 1))",
    "bind_address": "10.77.0.$self", "bind_port": 8801
  },
  "cluster_nodes": [
$(write_peers "$self")
  ],
  "security": {"tls": {"enabled": false}},
  "ports": [{"kind": "memif", "role": "slave", "socket": "$sockets/fabric.sock", "id": $self}],
  "cpu": {"io_lcores": 1},
  "memory": {"mode": "$memory_mode"},$(write_limits)
  "host": {"socket": "$sockets/node-$self.sock"},$(write_consensus "$self")
  "control": {"socket": "$sockets/node-$self-control.sock", "group": ""},
  "metrics": {"listen": "127.0.0.1:9090"}
}
JSON
}

# --- starting --------------------------------------------------------------------------------

start_fabric() {
  launch fabric "$build/$fabric_program" run --ports "$cluster_size" \
    --socket "$sockets/fabric.sock" --control "$sockets/fabric-control.sock"
}
start_dataplane() {
  launch "node-$1-dataplane" "$build/$dataplane_program" --config "$(config_of "$1")"
}
start_control() {
  launch "node-$1-control" "$build/$control_program" --config "$(config_of "$1")"
}

await_said_ready() { await "$1" "being ready" said "$1" '^ready'; }
await_listening() {
  await "node-$1-control" "its socket" listens_at "$sockets/node-$1-control.sock"
}
await_control() {
  await_listening "$1" || return 1
  well_answer=''
  await "node-$1-control" "being well (/readyz)" is_well "$1" || {
    [[ -z $well_answer ]] || warn "node $1 says of itself: $(tail -n 1 <<<"$well_answer")"
    return 1
  }
}

# is_well N: its control process says of itself that it is ready: attached, and every link up. While
# some dataplane does not run there is nothing more to wait for than that it answers. Nor is there
# where a configuration was changed to serve no HTTP.
is_well() {
  local address path=/readyz peers pid start
  read_record "node-$1-control" || return 1
  if ! is_served "$1"; then return 0; fi
  address=$(listening_port_of "$pid")
  count_peers 0
  if ((peers < cluster_size)); then path=/healthz; fi
  [[ -n $address ]] && well_answer=$(ask "$address" "$path") &&
    [[ $well_answer == "HTTP/1."?" 200 "* ]]
}
# Waits a little until every node finds all well. At first each knows nothing of the others, whose
# control processes tell how they are once a second. Ready they are all the same: it gives up soon
# and says nothing, and there is nothing to wait for while some process does not run.
await_heard() {
  local node pid start deadline=$((SECONDS + heard_within))
  if ! $with_control || [[ ! -x $build/$cli_program ]]; then return 0; fi
  for ((node = 1; node <= cluster_size; ++node)); do
    is_running "node-$node-dataplane" && is_running "node-$node-control" || return 0
  done
  for ((node = 1; node <= cluster_size; ++node)); do
    until finds_all_well "$node" || ((SECONDS >= deadline)); do sleep 0.1; done
  done
}
finds_all_well() {
  timeout 2 "$build/$cli_program" cluster status --node "$sockets/node-$1-control.sock" \
    >/dev/null 2>&1 </dev/null
}
is_served() { ! grep -qE '"listen": *""' "$(config_of "$1")"; }

# has_links N COUNT: node N's dataplane has so many links up, by the last it said of each.
has_links() {
  said_since "node-$1-dataplane" | awk -v least="$2" '
    /^link +node [0-9]+ is (up|down)/ { last[$3] = $5 }
    END { for (peer in last) count += last[peer] == "up"; exit count < least }'
}

# count_peers N: sets peers to how many dataplanes of other nodes than N run.
count_peers() {
  local node pid start
  peers=0
  for ((node = 1; node <= cluster_size; ++node)); do
    if ((node != $1)) && is_running "node-$node-dataplane"; then ((++peers)); fi
  done
}

# --- ending ----------------------------------------------------------------------------------

# Of a socket's file whose process was killed. One that is listened at belongs to somebody.
remove_socket() {
  [[ -S $1 ]] || return 0
  if listens_at "$1"; then
    warn "$1: left there, some process of another deployment listens at it"
  else
    rm -f "$1"
  fi
}

remove_sockets() {
  local node
  remove_socket "$sockets/fabric.sock"
  remove_socket "$sockets/fabric-control.sock"
  for ((node = 1; node <= cluster_size; ++node)); do
    remove_socket "$sockets/node-$node.sock"
    remove_socket "$sockets/node-$node-control.sock"
  done
}

process_names() {
  local node
  for ((node = cluster_size; node >= 1; --node)); do
    printf '%s\n' "node-$node-control" "node-$node-dataplane"
  done
  echo fabric
}

# end_all: everything of this deployment that runs.
end_all() {
  local name running=()
  while read -r name; do
    ! read_record "$name" || running+=("$name")
  done < <(process_names)
  ((${#running[@]} == 0)) || terminate "${running[@]}"
}

# remove_directory: what deploy made, the marker last.
remove_directory() {
  local node
  if $dry_run; then give_pages_back; say "would remove $directory"; return 0; fi
  remove_sockets
  for ((node = 1; node <= cluster_size; ++node)); do rm -f "$(config_of "$node")"*; done
  give_pages_back
  rm -rf "$directory/consensus" "$directory/processes" "$directory/logs" "$directory/tmp"
  rm -f "$(marker)"
  remove_folders
}

# remove_folders: those that deploy made, once they are empty.
remove_folders() {
  if $made_directory; then
    rmdir "$directory" 2>/dev/null || warn "$directory: left there, it holds files of somebody else"
  fi
  if $made_sockets; then rmdir "$sockets" 2>/dev/null || true; fi
}
