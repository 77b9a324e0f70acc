// The tables in PostgreSQL, made and brought up to date when a process starts, under a lock that all processes of a deployment
// share: any number may start at once, and the first does it.

import type { Client } from 'pg';
import { assertKnown, type Migration } from './schema-version.ts';

/** Moves a schema from the version that is its index to the next; a release only ever appends. */
const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) => `
    CREATE TABLE ${schema}.records (key text COLLATE "C" PRIMARY KEY, value text NOT NULL, expires_at bigint NOT NULL)
      WITH (autovacuum_vacuum_scale_factor = 0.02);
    CREATE INDEX records_by_end ON ${schema}.records (expires_at);
    CREATE TABLE ${schema}.jobs (
      kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, due_at_ms bigint NOT NULL, ready_at_ms bigint NOT NULL,
      attempts bigint NOT NULL, payload text NOT NULL, PRIMARY KEY (kind, id)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02);
    CREATE INDEX jobs_by_readiness ON ${schema}.jobs (ready_at_ms);
    -- Stands in the RETURNING of every write, so it is asked last of all, after any wait for a lock: see server-clock.ts.
    CREATE FUNCTION ${schema}.in_time(deadline_ms bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $function$
      BEGIN
        IF clock_timestamp() >= to_timestamp(deadline_ms / 1000.0) THEN
          RAISE EXCEPTION 'the caller has given up' USING ERRCODE = '${LATE}';
        END IF;
        RETURN true;
      END
    $function$;`,
];

/** What a write fails with that reached the server after its deadline; nothing was changed. */
export const LATE = 'SO001';

const LOCK_TIMEOUT_MS = 15_000;

/** @throws Error a schema of a newer program, a database that cannot hold every text, or what PostgreSQL says */
export async function prepareSchema(client: Client, name: string): Promise<Migration> {
  const schema = `"${name}"`;
  await assertEncoding(client);
  const { from, to } = await readMigration(client, name);
  if (from === to) return { from, to };
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`selfie-oidc ${name}`]);
    // Only if it is not there: whoever may not make schemas can be given one.
    const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE SCHEMA ${schema}`);
    const migration = await migrate(client, name);
    await client.query('COMMIT');
    return migration;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** @throws Error a database that cannot hold every text */
async function assertEncoding(client: Client): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_encoding') AS encoding");
  if (rows[0].encoding !== 'UTF8') throw new Error(`the database is encoded in ${rows[0].encoding}; UTF8 is needed`);
}

/** What opening would do, and whether it could. @throws Error what keeps it from it */
export async function foresee(client: Client, name: string): Promise<Migration> {
  const migration = await readMigration(client, name);
  if (migration.from === migration.to) return migration;
  await assertEncoding(client);
  const { rows } = await client.query(
    `SELECT current_user AS "user", n.oid IS NOT NULL AS "isThere",
       CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege(n.oid, 'CREATE') END AS "mayCreate"
     FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = $1`,
    [name],
  );
  const { user, isThere, mayCreate } = rows[0];
  if (!mayCreate) {
    const fix = isThere
      ? `GRANT CREATE ON SCHEMA "${name}"`
      : `CREATE SCHEMA "${name}" for it, or GRANT CREATE ON DATABASE`;
    throw new Error(
      `the user ${user} may make no ${isThere ? 'tables in this schema' : 'schema in this database'}; ${fix}`,
    );
  }
  return migration;
}

/** What opening the database would do to the schema. @throws Error it was written by a newer program */
export async function readMigration(client: Client, name: string): Promise<Migration> {
  const table = `"${name}".schema_version`;
  const { rows } = await client.query('SELECT to_regclass($1) AS found', [table]);
  const from =
    rows[0].found === null ? 0 : ((await client.query(`SELECT version FROM ${table}`)).rows[0]?.version ?? 0);
  assertKnown(from, MIGRATIONS.length);
  return { from, to: MIGRATIONS.length };
}

async function migrate(client: Client, name: string): Promise<Migration> {
  // Once more, now that nobody else can: another process may have done it meanwhile.
  const migration = await readMigration(client, name);
  const schema = `"${name}"`;
  for (const step of MIGRATIONS.slice(migration.from)) await client.query(step(schema));
  await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.schema_version (version integer NOT NULL)`);
  await client.query(`DELETE FROM ${schema}.schema_version`);
  await client.query(`INSERT INTO ${schema}.schema_version VALUES (${migration.to})`);
  return migration;
}
