# shellcheck shell=bash
# What somebody may have meant who typed a word that is none. Sourced by deploy_distributed.sh.

# distance A B: sets changed to how many letters to insert, remove or replace.
distance() {
  local i j above diagonal cost row=()
  for ((j = 0; j <= ${#2}; ++j)); do row[j]=$j; done
  for ((i = 1; i <= ${#1}; ++i)); do
    diagonal=${row[0]}
    row[0]=$i
    for ((j = 1; j <= ${#2}; ++j)); do
      above=${row[j]}
      [[ ${1:i-1:1} == "${2:j-1:1}" ]] && cost=0 || cost=1
      row[j]=$((diagonal + cost))
      ((row[j] <= above + 1)) || row[j]=$((above + 1))
      ((row[j] <= row[j - 1] + 1)) || row[j]=$((row[j - 1] + 1))
      diagonal=$above
    done
  done
  changed=${row[${#2}]}
}

# meant WORD CANDIDATE...: "; did you mean "X"?", or nothing when no candidate is near.
meant() {
  local word=$1 candidate changed best='' least=3
  shift
  ((${#word} <= 40)) || return 0
  for candidate in "$@"; do
    distance "$word" "$candidate"
    if ((changed < least)); then least=$changed best=$candidate; fi
  done
  [[ -z $best ]] || printf '; did you mean "%s"?' "$best"
}
