#!/bin/sh
# Before files are unpacked, on Debian and RPM systems alike: the user that runs the server and may read its files.
set -e
getent group milvus-backup >/dev/null || groupadd --system milvus-backup
getent passwd milvus-backup >/dev/null ||
  useradd --system --gid milvus-backup --no-create-home --home-dir /var/lib/milvus-backup \
    --shell /usr/sbin/nologin --comment 'Milvus Backup' milvus-backup
