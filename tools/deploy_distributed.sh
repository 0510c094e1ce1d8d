#!/usr/bin/env bash
# A cluster on this machine: a fabric (an Ethernet switch over shared memory) and, for each node, a
# dataplane and a control process. Makes a directory with their configurations and logs, starts
# them, tells what runs, ends them and removes what it made. It needs no NIC, hugepages or root.
#
# Nothing supervises what it started: a process that dies stays dead and is told by `status`. What
# it signals it first recognises by id and start time (tools/deploy/processes.sh). One such script
# at a time changes a deployment; others wait for it.
#
# A process that was halted (SIGSTOP, state T) is told by `status` like a dead one. `stop`,
# `restart` and `destroy` end a halted one all the same, once their patience is over.
#
# Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such deployment or node, 5 something that should
# run does not (status).
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/deploy/processes.sh
source "$tree/tools/deploy/processes.sh"
# shellcheck source=tools/deploy/cluster.sh
source "$tree/tools/deploy/cluster.sh"
# shellcheck source=tools/deploy/resources.sh
source "$tree/tools/deploy/resources.sh"
# shellcheck source=tools/deploy/words.sh
source "$tree/tools/deploy/words.sh"

me=deploy_distributed.sh
exec 3>&2  # for traps: they run wherever a signal came, which may be where stderr is silenced
say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$me" "$*" >&2; }
fail_with() {  # exit code, what is wrong, the mend
  warn "$2"
  [[ -z ${3:-} ]] || printf '  mend: %s\n' "$3" >&2
  exit "$1"
}
fail() { fail_with 1 "$@"; }
wrong_usage() { fail_with 2 "$*" "tools/$me --help lists what it takes"; }

print_help() {
  cat <<'TEXT'
usage: tools/deploy_distributed.sh COMMAND [options]

A cluster on this machine, with a fabric for its network: no NIC, hugepages or root needed.

  deploy --cluster-size N    make and start N nodes (1 to 64), and wait until all see one another
  status                     what runs: a line a node; exit code 5 when something is dead or halted
  logs NODE [WHICH]          the end of its logs; --follow to stay
  stop NODE [WHICH]          end it
  start NODE [WHICH]         start it (again)
  restart NODE [WHICH]       both
  destroy                    end everything, remove everything deploy made

NODE is a node's number, or "fabric"; WHICH is "dataplane" or "control", and both when not given.

Options of deploy
  --threads T         io threads a node; given are as many as can be, and why not more is said
  --huge-pages P      have P hugepages of 2 MB free first (needs root); nodes do without if need be;
                      destroy gives back what this added
  --enable-tls        refused: encryption is not there yet
  --name NAME         the cluster's name (default: ringroad)
  --build DIR         where the programs were built (default: build)
  --without-control   nodes without a control process: no CLI, no metrics
Options of all
  --directory DIR     the deployment's directory (default: deployment in the runtime directory,
                      which is $RINGROAD_RUNTIME_DIR, /run/ringroad or one of your own)
  --patience SECONDS  how long a process may take to be ready, or to end (default: 20)
  --dry-run           say each step, change nothing
  --follow            logs: go on until ctrl-C

Examples
  tools/deploy_distributed.sh deploy --cluster-size 3
  tools/deploy_distributed.sh stop 2 control
  tools/deploy_distributed.sh status
  tools/deploy_distributed.sh destroy

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such deployment or node, 5 (status) something
that should run does not.
TEXT
}

# --- the command line ------------------------------------------------------------------------

count_nodes() { (($1 == 1)) && echo "1 node" || echo "$1 nodes"; }
is_between() { [[ $1 =~ ^[1-9][0-9]{0,5}$|^0$ ]] && (($1 >= $2 && $1 <= $3)); }
want_number() {  # option, value, least, most
  is_between "$2" "$3" "$4" || wrong_usage "$1: \"$2\" is not a number from $3 to $4"
}

commands=(deploy status logs stop start restart destroy)
options=(--cluster-size --huge-pages --threads --enable-tls --name --build --without-control
  --directory --patience --dry-run --follow --help)

set_option() {  # name, value
  case $1 in
    --cluster-size) want_number "$1" "$2" 1 64; cluster_size=$2 ;;
    --huge-pages) want_number "$1" "$2" 0 999999; pages=$2 ;;
    --threads) want_number "$1" "$2" 1 1024; threads=$2 ;;
    --patience) want_number "$1" "$2" 1 3600; patience=$2 ;;
    --directory) directory=$(realpath -ms -- "$2") ;;
    --name)
      [[ $2 =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] ||
        wrong_usage "--name: \"$2\" is not 1 to 63 letters, digits, dots and dashes"
      cluster=$2 ;;
    --build) build=$(realpath -ms -- "$2") ;;
  esac
}

set_flag() {
  case $1 in
    -h | --help) print_help; exit 0 ;;
    --enable-tls) fail_with 2 "--enable-tls: encryption is not there yet, frames are plain" \
      "leave it out, and carry no secrets over it" ;;
    --dry-run) dry_run=true ;;
    --follow) follow=true ;;
    --without-control) with_control=false ;;
    -*) wrong_usage "\"$1\" is not an option$(meant "${1%%=*}" "${options[@]}")" ;;
    *) words+=("$1") ;;
  esac
}

parse_arguments() {
  command='' cluster_size='' pages='' threads='' patience=20 directory=''
  build=$tree/build cluster=ringroad
  dry_run=false follow=false with_control=true words=() options_given=()
  while (($#)); do
    [[ $1 != -* ]] || options_given+=("${1%%=*}")
    case $1 in
      --cluster-size=* | --huge-pages=* | --threads=* | --patience=* | --directory=* | --build=* | \
        --name=*)
        set_option "${1%%=*}" "${1#*=}" ;;
      --cluster-size | --huge-pages | --threads | --patience | --directory | --build | --name)
        (($# >= 2)) || wrong_usage "$1 takes a value"
        set_option "$1" "$2"
        shift ;;
      *) set_flag "$1" ;;
    esac
    shift
  done
  command=${words[0]:-}
  words=("${words[@]:1}")
  # Before its options: of a command that is none, none of them is wrong.
  [[ -z $command || " ${commands[*]} " == *" $command "* ]] ||
    wrong_usage "\"$command\" is not a command$(meant "$command" "${commands[@]}")" \
      "(one of: ${commands[*]})"
  check_options
}

# An option that a command would not look at is a mistake that should not pass unseen.
check_options() {
  local option
  for option in "${options_given[@]}"; do
    case $option in
      --cluster-size | --huge-pages | --threads | --build | --name | --without-control)
        [[ $command == deploy ]] || wrong_usage "$option: is for deploy" ;;
      --follow) [[ $command == logs ]] || wrong_usage "$option: is for logs" ;;
    esac
  done
}

# choose_directory: $directory and $sockets, where they were not chosen.
choose_directory() {
  if [[ -z $directory ]]; then
    sockets=$(runtime_directory)
    directory=$sockets/deployment
  else
    sockets=$directory
  fi
  check_path "$directory"
}

# parse_target: sets targets, names of processes in the order to start them, from words.
parse_target() {
  local target=${words[0]:-} which=${words[1]:-both}
  ((${#words[@]} >= 1 && ${#words[@]} <= 2)) ||
    wrong_usage "$command takes a node's number, or \"fabric\""
  if [[ $target == fabric ]]; then
    [[ $which == both ]] || wrong_usage "$command fabric takes no \"$which\""
    targets=(fabric)
    return 0
  fi
  is_between "$target" 0 999999 || wrong_usage "\"$target\" is no node's number, nor \"fabric\""
  is_between "$target" 1 "$cluster_size" ||
    fail_with 3 "node $target is not in this deployment" "nodes are 1 to $cluster_size"
  case $which in
    dataplane | control) targets=("node-$target-$which") ;;
    both) targets=("node-$target-dataplane" "node-$target-control") ;;
    *) wrong_usage "\"$which\" is neither \"dataplane\" nor \"control\"" ;;
  esac
  $with_control || targets=("${targets[0]}")
  [[ $with_control == true || ${targets[0]} != *-control ]] ||
    fail_with 3 "this deployment was made --without-control" "destroy it, and deploy again"
}

take_no_words() { ((${#words[@]} == 0)) || wrong_usage "$command takes no \"${words[0]}\""; }

# open_deployment: reads the marker.
open_deployment() {
  [[ -f $(marker) ]] || fail_with 3 "nothing is deployed in $directory" \
    "tools/$me deploy --cluster-size 3    or name it with --directory"
  # Whoever wrote the marker chooses which programs are started: that must not be a stranger, who
  # could have made the default place in /tmp first.
  [[ -O $directory && -O $(marker) ]] || fail "$directory: belongs to somebody else"
  read_marker
}

# lock_deployment: likewise, after any other script that changes the same is done.
lock_deployment() {
  open_deployment
  exec 9<"$(marker)"
  flock -w "$patience" 9 || fail "another $me is at work in $directory" "try again when it is done"
  open_deployment
}

# --- deploy ----------------------------------------------------------------------------------

refuse_second() {
  local name count=0
  read_marker
  while read -r name; do
    if is_running "$name"; then ((++count)); fi
  done < <(process_names)
  fail "cluster $cluster, $(count_nodes "$cluster_size"), is deployed in $directory, and $count of \
its processes run" "tools/$me destroy    or another --directory"
}

check_place() {
  if [[ -f $(marker) ]]; then refuse_second; fi
  if [[ -e $directory || -L $directory ]]; then
    [[ -d $directory && ! -L $directory && -O $directory ]] ||
      fail "$directory: is there, and is no directory of yours" "choose another --directory"
    [[ -z $(ls -A "$directory") ]] ||
      fail "$directory: is not empty" "choose an empty or a new --directory"
    made_directory=false
  fi
}

make_directory() {
  made_sockets=false
  if $dry_run; then say "would make   $directory"; return 0; fi
  if [[ $sockets != "$directory" && ! -d $sockets ]]; then
    (umask 077; mkdir -p "$sockets")
    made_sockets=true
  fi
  # The default place is a name in /tmp that anyone could have taken.
  [[ $sockets == "$directory" || $sockets == /run/ringroad || (-O $sockets && ! -L $sockets) ]] ||
    fail "$sockets: is not yours" "export RINGROAD_RUNTIME_DIR=\$HOME/ringroad"
  mkdir -p "$directory" || fail "$directory: cannot be made" "choose another --directory"
  # Whoever makes the marker has the place, should two try at once.
  write_marker "$directory/deployment.$$" 2>/dev/null || {
    rm -f "$directory/deployment.$$"
    remove_folders
    fail "$directory: cannot be written to" "make room there (df $sockets), or choose another \
--directory"
  }
  ln -T "$directory/deployment.$$" "$(marker)" 2>/dev/null || {
    rm -f "$directory/deployment.$$"
    fail "$directory: another $me is deploying there"
  }
  owned=true
  rm -f "$directory/deployment.$$"
  exec 9<"$(marker)"
  flock 9
  mkdir -p "$directory/processes" "$directory/logs" "$directory/tmp"
  # For what a program that is killed leaves behind.
  export TMPDIR=$directory/tmp
}

# undo: on any end before the deployment stands, nothing of it stays.
undo() {
  local status=$?
  trap '' INT TERM HUP
  exec 2>&3
  # Failures end with 1. Anything else is a signal, though bash 5.2 may have failed to say 130.
  if ((status != 1)); then
    status=130
    warn "interrupted"
  fi
  if $owned; then
    # A process launched and not yet recorded is still a child of this script.
    local child
    for child in $(jobs -p); do
      if read_stat "$child" && [[ $stat_parent == "$$" ]]; then kill -KILL "$child" || true; fi
    done
    end_all >/dev/null
    remove_directory
    warn "everything it had started was ended, and what it had made removed"
  fi
  exit "$status"
}

await_cluster() {
  local node
  for ((node = 1; node <= cluster_size; ++node)); do
    await_said_ready "node-$node-dataplane" || exit 1
    await "node-$node-dataplane" "its links" has_links "$node" $((cluster_size - 1)) || exit 1
    if $with_control; then await_control "$node" || exit 1; fi
    say "node $node   ready   10.77.0.$node:8801, applications at $sockets/node-$node.sock"
  done
  await_heard
}

deploy() {
  local node
  take_no_words
  [[ -n $cluster_size ]] || wrong_usage "deploy: how many nodes? --cluster-size N"
  owned=false made_directory=true
  check_programs
  check_place
  trap undo EXIT
  trap 'exit 130' INT TERM HUP
  say "deploy   cluster $cluster, $(count_nodes "$cluster_size"), plain: frames are NOT encrypted"
  say "         in $directory"
  report_threads
  make_directory
  prepare_pages
  $dry_run || mkdir -p "$directory/consensus"
  for ((node = 1; node <= cluster_size; ++node)); do
    make_consensus_log "$node"
    write_config "$node"
  done
  if ((cluster_size > voters_max)); then
    say "agree    nodes 1 to $voters_max, on what is written; the others take no part in consensus"
  fi
  start_fabric
  $dry_run || await_said_ready fabric || exit 1
  $dry_run || say "fabric   ready   a switch, a memif port a node"
  for ((node = 1; node <= cluster_size; ++node)); do start_dataplane "$node"; done
  for ((node = 1; node <= cluster_size; ++node)); do
    if ! $with_control; then break; fi
    $dry_run || await_said_ready "node-$node-dataplane" || exit 1
    start_control "$node"
    # One after the other, so that their metrics' ports stand in the nodes' order.
    $dry_run || await_listening "$node" || exit 1
  done
  if $dry_run; then trap - EXIT; say "nothing was changed: --dry-run"; return 0; fi
  await_cluster
  trap - EXIT INT TERM HUP
  tell_what_next
}

tell_what_next() {
  local where='' cli=$build/$cli_program
  [[ $sockets != "$directory" ]] || where=" --directory $directory"
  say "running  $(count_nodes "$cluster_size") and the fabric, until they are ended"
  if [[ $sockets != "$(runtime_directory)" ]]; then
    say "look at  export RINGROAD_RUNTIME_DIR=$sockets    (so that programs find them)"
  fi
  say "look at  tools/$me status$where"
  if $with_control && [[ -x $cli ]]; then say "look at  ${cli#"$tree/"} cluster status"; fi
  say "stop     tools/$me destroy$where"
}

# --- the other commands ----------------------------------------------------------------------

start_name() {
  local node=${1#node-}
  node=${node%-*}
  case $1 in
    fabric) start_fabric ;;
    *-dataplane) start_dataplane "$node" ;;
    *-control) start_control "$node" ;;
  esac
  ! $dry_run || return 0
  case $1 in
    *-control) await_control "$node" || exit 1 ;;
    *) await_said_ready "$1" || exit 1 ;;
  esac
  if [[ $1 == *-dataplane ]]; then
    count_peers "$node"
    await "$1" "its links" has_links "$node" "$peers" || exit 1
  fi
  say "$1   ready"
}

start_targets() {
  local name
  for name in "${targets[@]}"; do
    if is_running "$name"; then
      say "$name   is running already (process $pid)"
    else
      start_name "$name"
    fi
  done
  $dry_run || await_heard
}

stop_targets() {
  local index reversed=()
  for ((index = ${#targets[@]} - 1; index >= 0; --index)); do reversed+=("${targets[index]}"); done
  terminate "${reversed[@]}"
}

change() {
  lock_deployment
  parse_target
  export TMPDIR=$directory/tmp
  if [[ $command != start ]]; then stop_targets; fi
  if [[ $command == stop ]]; then return 0; fi
  check_programs
  start_targets
}

# describe_process NAME: sets the columns cell_pid, cell_state and cell_uptime.
describe_process() {
  cell_pid=- cell_state=$(state_of "$1") cell_uptime=-
  if [[ $cell_state == running || $cell_state == halted ]]; then
    read_record "$1"
    cell_pid=$pid cell_uptime=$(uptime_of "$start")
  fi
  case $cell_state in dead) dead+=("$1") ;; halted) halted+=("$1") ;; esac
}

print_node() {
  local node=$1 metrics=- row
  describe_process "node-$node-dataplane"
  row=("$node" "$cell_pid" "$cell_state" "$cell_uptime")
  if $with_control; then
    describe_process "node-$node-control"
    [[ $cell_pid == - ]] || metrics=$(listening_port_of "$cell_pid")
  else
    cell_pid=- cell_state=none cell_uptime=-
  fi
  printf '%-7s%-11s%-9s%-9s%-9s%-9s%-9s%s\n' "${row[@]}" \
    "$cell_pid" "$cell_state" "$cell_uptime" "${metrics:--}"
}

# words_of NAME: as start, stop and restart take it.
words_of() {
  if [[ $1 =~ ^node-([0-9]+)-(.*)$ ]]; then echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
  else echo "$1"
  fi
}

tell_unwell() {
  local name
  for name in "${dead[@]}"; do
    warn "$name has died; its log: $(log_of "$name")"
    printf '  mend: tools/%s start %s\n' "$me" "$(words_of "$name")" >&2
  done
  for name in "${halted[@]}"; do
    read_record "$name"
    warn "$name is halted (SIGSTOP): it lives, and does nothing"
    printf '  mend: kill -CONT %s    or tools/%s restart %s\n' \
      "$pid" "$me" "$(words_of "$name")" >&2
  done
}

status() {
  local node dead=() halted=()
  take_no_words
  open_deployment
  describe_process fabric
  say "deployment $directory"
  say "cluster    $cluster, $(count_nodes "$cluster_size"), plain: frames are NOT encrypted"
  say "fabric     process $cell_pid, $cell_state, $cell_uptime"
  printf '%-7s%-11s%-9s%-9s%-9s%-9s%-9s%s\n' \
    NODE DATAPLANE STATE UPTIME CONTROL STATE UPTIME METRICS
  for ((node = 1; node <= cluster_size; ++node)); do print_node "$node"; done
  ((${#dead[@]} + ${#halted[@]} == 0)) || { tell_unwell; exit 5; }
}

logs() {
  local name files=() options=(-n 100)
  open_deployment
  parse_target
  for name in "${targets[@]}"; do
    [[ ! -f $(log_of "$name") ]] || files+=("$(log_of "$name")")
  done
  ((${#files[@]})) || fail "${targets[*]}: has no log, it was never started"
  if $follow; then options+=(-F); fi
  exec tail "${options[@]}" "${files[@]}"
}

destroy() {
  take_no_words
  if [[ -d $directory && ! -f $(marker) ]]; then
    fail "$directory: was not made by deploy, and stays as it is"
  fi
  lock_deployment
  end_all
  remove_directory
  $dry_run || say "destroyed   $directory"
}

unset NOTIFY_SOCKET  # of whoever runs this script; not for what it starts
parse_arguments "$@"
choose_directory
case $command in
  deploy | status | logs | destroy) "$command" ;;
  start | stop | restart) change ;;
  '') print_help >&2; exit 2 ;;
esac
