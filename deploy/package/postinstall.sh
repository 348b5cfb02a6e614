#!/bin/sh
# After files are unpacked. $1 and $2: "configure" and the version before on Debian, the number of installed versions
# on RPM systems. Nothing is started: a first install has no configuration yet, and a restart would interrupt jobs.
set -e
case $1 in
  configure) before=$2 ;;
  [2-9]*) before=yes ;;
  *) before= ;;
esac
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ -z "$before" ]; then
  echo 'milvus-backup: edit /etc/milvus-backup/backup.yaml, then: systemctl enable --now milvus-backup'
elif systemctl --quiet is-active milvus-backup.service; then
  echo 'milvus-backup: the version before runs on; when no job runs: systemctl restart milvus-backup'
fi
