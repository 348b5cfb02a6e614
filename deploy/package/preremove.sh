#!/bin/sh
# Before files are removed. $1: "remove" on Debian, 0 versions left on RPM systems; an upgrade stops nothing.
set -e
case $1 in
  remove | 0) ;;
  *) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl stop milvus-backup.service
  systemctl disable milvus-backup.service
fi
