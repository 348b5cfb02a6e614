#!/bin/sh
# After files are removed. What the server kept in /var/lib/milvus-backup stays, since backups may lie there; so does
# its user, to whom they belong.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
