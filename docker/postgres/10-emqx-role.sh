#!/bin/sh
# The account with which EMQX looks up device credentials. What it may read is granted by `mess migrate --emqx-role`.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$EMQX_DATABASE_PASSWORD" \
     --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE emqx LOGIN CONNECTION LIMIT 32 PASSWORD :'password';
SQL
