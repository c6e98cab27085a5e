"""The database's schema: one step for each version, applied in their order, never changed later."""

from __future__ import annotations

__all__ = ["STEPS"]

_FIRST = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE namespaces (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'organization')),
    uuid TEXT NOT NULL UNIQUE
);

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE REFERENCES namespaces (name),
    email TEXT NOT NULL,
    nickname TEXT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL
);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_at REAL NOT NULL
);

CREATE TABLE members (
    namespace TEXT NOT NULL COLLATE NOCASE REFERENCES namespaces (name) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    PRIMARY KEY (namespace, user_id)
) WITHOUT ROWID;

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    namespace TEXT NOT NULL COLLATE NOCASE REFERENCES namespaces (name),
    name TEXT NOT NULL COLLATE NOCASE,
    creator_id INTEGER NOT NULL REFERENCES users (id),
    private INTEGER NOT NULL,
    nickname TEXT NOT NULL,
    description TEXT NOT NULL,
    license TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (type, namespace, name)
);

CREATE TABLE lfs_objects (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    oid TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (repository_id, oid)
) WITHOUT ROWID;

CREATE TABLE lfs_locks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    owner_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    locked_at REAL NOT NULL,
    UNIQUE (repository_id, path)
);
"""

# Profiles, tokens that end, keys, organizations' own facts, likes, topics and measured sizes.
_PEOPLE = """
ALTER TABLE users ADD COLUMN homepage TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN bio TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN avatar TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0;

ALTER TABLE tokens ADD COLUMN application TEXT NOT NULL DEFAULT 'git';
ALTER TABLE tokens ADD COLUMN permission TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN expires_at REAL;
ALTER TABLE tokens ADD COLUMN updated_at REAL;

CREATE TABLE ssh_keys (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    UNIQUE (user_id, name)
);

CREATE TABLE organizations (
    namespace TEXT PRIMARY KEY COLLATE NOCASE REFERENCES namespaces (name) ON DELETE CASCADE,
    nickname TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    homepage TEXT NOT NULL DEFAULT '',
    logo TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL DEFAULT '',
    owner_id INTEGER REFERENCES users (id) ON DELETE SET NULL
) WITHOUT ROWID;
INSERT INTO organizations (namespace, nickname)
    SELECT name, name FROM namespaces WHERE kind = 'organization';

CREATE TABLE likes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    created_at REAL NOT NULL,
    PRIMARY KEY (repository_id, user_id)
) WITHOUT ROWID;
CREATE INDEX likes_of_user ON likes (user_id, created_at);

CREATE TABLE tags (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    category TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at REAL NOT NULL,
    UNIQUE (repository_id, category, name)
);
CREATE INDEX tags_by_name ON tags (category, name);

CREATE TABLE sizes (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    branch TEXT NOT NULL,
    sha TEXT NOT NULL,
    total INTEGER NOT NULL,
    tip INTEGER NOT NULL,
    PRIMARY KEY (repository_id, branch)
) WITHOUT ROWID;
"""

# Models that were set to work, and notebooks for finetuning them.
_DEPLOYS = """
CREATE TABLE deploys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type INTEGER NOT NULL,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    namespace TEXT NOT NULL COLLATE NOCASE REFERENCES namespaces (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    service TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    started_at REAL,
    used_at REAL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (type, namespace, name)
);
"""

# What only repositories of one type have, as a JSON object.
_DETAILS = """
ALTER TABLE repositories ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
"""

# How often each repository was downloaded.
_DOWNLOADS = """
ALTER TABLE repositories ADD COLUMN downloads INTEGER NOT NULL DEFAULT 0;
"""

# Finetune jobs, evaluations and notebooks.
_TASKS = """
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    namespace TEXT NOT NULL COLLATE NOCASE REFERENCES namespaces (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    service TEXT NOT NULL UNIQUE,
    asked TEXT NOT NULL,
    started_at REAL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE UNIQUE INDEX notebooks_by_name ON tasks (namespace, name) WHERE type = 5;
"""

# What belongs together, and where repositories are to come from.
_RELATIONS = """
CREATE TABLE relations (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    related_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, related_id)
) WITHOUT ROWID;
CREATE INDEX relations_back ON relations (related_id);

CREATE TABLE mirrors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL UNIQUE REFERENCES repositories (id) ON DELETE CASCADE,
    source_id INTEGER NOT NULL,
    source_url TEXT NOT NULL,
    asked_at REAL NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
"""

# What was downloaded elsewhere, and which repositories changed after which.
_TOLD = """
CREATE TABLE told_downloads (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (repository_id, day)
) WITHOUT ROWID;

CREATE TABLE versions (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL UNIQUE REFERENCES repositories (id) ON DELETE CASCADE
);
INSERT INTO versions (repository_id) SELECT id FROM repositories ORDER BY updated_at, id;
CREATE TRIGGER first_version AFTER INSERT ON repositories BEGIN
    INSERT INTO versions (repository_id) VALUES (NEW.id); END;
CREATE TRIGGER next_version AFTER UPDATE OF updated_at ON repositories BEGIN
    DELETE FROM versions WHERE repository_id = NEW.id;  INSERT INTO versions (repository_id)
    VALUES (NEW.id); END;
"""

# The commits that one deploy serves side by side.
_REVISIONS = """
CREATE TABLE revisions (
    deploy_id INTEGER NOT NULL REFERENCES deploys (id) ON DELETE CASCADE,
    commit_id TEXT NOT NULL,
    percent INTEGER NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (deploy_id, commit_id)
) WITHOUT ROWID;
"""

# What a model's files say of it, read at a commit.
_MODELS = """
CREATE TABLE models (
    repository_id INTEGER PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    sha TEXT NOT NULL,
    params REAL NOT NULL,
    facts TEXT NOT NULL,
    read_at REAL NOT NULL
);
ALTER TABLE sizes ADD COLUMN measured_at REAL NOT NULL DEFAULT 0;
"""

# Keys that belong to a namespace are tokens too.
_KEYS = """
ALTER TABLE tokens ADD COLUMN namespace TEXT COLLATE NOCASE
    REFERENCES namespaces (name) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN quota TEXT NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX keys_by_name ON tokens (namespace, name) WHERE namespace IS NOT NULL;
"""

# Repositories that somebody put together.
_COLLECTIONS = """
CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL COLLATE NOCASE REFERENCES namespaces (name) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    nickname TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    private INTEGER NOT NULL DEFAULT 0,
    theme TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (namespace, name)
);

CREATE TABLE collected (
    collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    remark TEXT NOT NULL,
    added_at REAL NOT NULL,
    PRIMARY KEY (collection_id, repository_id)
) WITHOUT ROWID;
CREATE INDEX collected_back ON collected (repository_id);

CREATE TABLE collection_likes (
    collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (collection_id, user_id)
) WITHOUT ROWID;
"""

# Append here; a database keeps in `user_version` how many it has been through.
STEPS: tuple[str, ...] = (
    _FIRST,
    _PEOPLE,
    _DEPLOYS,
    _DETAILS,
    _DOWNLOADS,
    _TASKS,
    _RELATIONS,
    _TOLD,
    _REVISIONS,
    _MODELS,
    _KEYS,
    _COLLECTIONS,
)
