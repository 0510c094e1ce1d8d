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

# prepare_pages: sets memory_mode, after having the pages asked for reserved if that can be.
prepare_pages() {
  local reserve=$tree/hugepages/reserve log reason free options=(--pages "$pages")
  memory_mode=auto
  if [[ -z $pages ]]; then return 0; fi
  if ((pages == 0)); then memory_mode=none; return 0; fi
  ! $dry_run || options+=(--dry-run)
  if log=$("$reserve" "${options[@]}" 2>&1); then
    say "pages    $pages hugepages of 2 MB, free on each NUMA node"
    ! $dry_run || say "         ${log//$'\n'/$'\n         '}"
    return 0
  fi
  # Its first line is the reason; the mend stands under it.
  reason=${log%%$'\n'*}
  free=$(free_pages)
  say "pages    $pages asked for, $free given: ${reason#*: }"
  if [[ $log == *"mend: "* ]]; then say "         mend: ${log##*mend: }"; fi
  if ((free > 0)); then
    say "         nodes take what is there and do without (no-huge) when it is not enough"
  else
    memory_mode=none
    say "         nodes run without hugepages (no-huge), which is slower"
  fi
}
