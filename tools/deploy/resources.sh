# shellcheck shell=bash
# How much of what was asked for this machine gives: io threads and hugepages. Less than asked is
# said with its reason and never fails: a cluster on one machine is for trying things, and runs on
# whatever there is. Sourced by deploy_distributed.sh.

# shellcheck disable=SC2154,SC2034  # variables shared with the script that sources this

io_lcores_max=1  # of a node, today

report_threads() {
  local cpus
  cpus=$(nproc)
  if [[ -n $threads ]] && ((threads > io_lcores_max)); then
    say "threads  $threads a node asked for, $io_lcores_max given: a node has one io lcore today" \
      "(and this machine lends $cpus CPUs)"
  fi
  if ((cluster_size + 1 > cpus)); then
    say "CPUs     $cpus are shared by the io lcores of $cluster_size nodes and the fabric;" \
      "each sleeps when idle"
  fi
}

# Over all NUMA nodes. RINGROAD_RESERVE_ROOT plants a /sys for tests, as for hugepages/reserve.
free_pages() {
  cat "${RINGROAD_RESERVE_ROOT:-}/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages" \
    2>/dev/null || echo 0
}

# Where the kernel counts pages: a line "NODE FOLDER" a NUMA node, as hugepages/reserve has them.
page_folders() {
  local root=${RINGROAD_RESERVE_ROOT:-} folder found=false
  for folder in "$root"/sys/devices/system/node/node[0-9]*/hugepages/hugepages-2048kB; do
    [[ -r $folder/nr_hugepages ]] || continue
    found=true
    folder=${folder%/hugepages/*}
    echo "${folder##*/node} $folder/hugepages/hugepages-2048kB"
  done
  folder=$root/sys/kernel/mm/hugepages/hugepages-2048kB
  if ! $found && [[ -r $folder/nr_hugepages ]]; then echo "0 $folder"; fi
}

# count_pages: "0:512,1:512,", how many pages each NUMA node has.
count_pages() {
  local node folder
  while read -r node folder; do
    printf '%s:%s,' "$node" "$(<"$folder/nr_hugepages")"
  done < <(page_folders)
}

has_hugetlbfs() { grep -q ' hugetlbfs ' "${RINGROAD_RESERVE_ROOT:-}/proc/mounts" 2>/dev/null; }

# remember KEY VALUE: in the marker, for destroy; a later line of a key counts.
remember() { $dry_run || printf '%s=%s\n' "$1" "$2" >>"$(marker)"; }

# prepare_pages: sets memory_mode, after having the pages asked for reserved if that can be. What
# that adds to the machine is remembered, also when this is interrupted.
prepare_pages() {
  local reserve=$tree/hugepages/reserve log status=0 had_mount=false options=(--pages "$pages")
  memory_mode=auto
  if [[ -z $pages ]]; then return 0; fi
  if ((pages == 0)); then memory_mode=none; return 0; fi
  ! $dry_run || options+=(--dry-run)
  if has_hugetlbfs; then had_mount=true; fi
  pages_before=$(count_pages) pages_after=''
  remember pages_before "$pages_before"
  log=$("$reserve" "${options[@]}" 2>&1) || status=$?
  pages_after=$(count_pages)
  remember pages_after "$pages_after"
  if ! $had_mount && has_hugetlbfs; then made_mount=true; remember made_mount true; fi
  if ((status == 0)); then
    say "pages    $pages hugepages of 2 MB, free on each NUMA node"
    say "         ${log//$'\n'/$'\n         '}"
    if [[ $pages_after != "$pages_before" ]]; then
      say "         destroy gives back what this added"
    fi
  else
    tell_lack_of_pages "$log"
  fi
}

# tell_lack_of_pages TEXT: what hugepages/reserve said. Its first line is the reason; the mend
# stands under it.
tell_lack_of_pages() {
  local reason=${1%%$'\n'*} free
  free=$(free_pages)
  say "pages    $pages asked for, $free given: ${reason#*: }"
  if [[ $1 == *"mend: "* ]]; then say "         mend: ${1##*mend: }"; fi
  if ((free > 0)); then
    say "         nodes take what is there and do without (no-huge) when it is not enough"
  else
    memory_mode=none
    say "         nodes run without hugepages (no-huge), which is slower"
  fi
}

# pages_in TEXT NODE: of a text as count_pages makes it.
pages_in() { [[ ,$1 =~ ,$2:([0-9]{1,9}), ]] && echo "${BASH_REMATCH[1]}" || echo 0; }

# give_pages_back: what deploy had reserved, and no page more; pages that somebody uses stay.
give_pages_back() {
  local node folder added now free left
  if [[ -n ${pages_before:-} ]]; then
    while read -r node folder; do
      now=$(<"$folder/nr_hugepages") free=$(<"$folder/free_hugepages")
      added=$(($(pages_in "${pages_after:-$(count_pages)}" "$node") -
        $(pages_in "$pages_before" "$node")))
      if ((added <= 0)); then continue; fi
      ((added <= now)) || added=$now
      left=$((now - (added < free ? added : free)))
      if $dry_run; then say "would lower hugepages of NUMA node $node: $now to $left"; continue; fi
      if { echo "$left" >"$folder/nr_hugepages"; } 2>/dev/null; then
        say "pages    NUMA node $node: $now -> $left hugepages"
      else
        warn "NUMA node $node keeps $added hugepages that deploy added"
        printf '  mend: echo %s | sudo tee %s/nr_hugepages\n' "$left" "$folder" >&2
      fi
    done < <(page_folders)
  fi
  if ${made_mount:-false}; then
    if $dry_run; then say "would unmount /dev/hugepages"
    elif ! umount /dev/hugepages 2>/dev/null; then warn "/dev/hugepages stays mounted, it is in use"
    else say "pages    unmounted /dev/hugepages, which deploy had mounted"
    fi
  fi
}
