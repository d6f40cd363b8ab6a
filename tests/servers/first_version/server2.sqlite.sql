PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE accounts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	issuer TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	name TEXT, 
	email TEXT, 
	created_at DATETIME NOT NULL, 
	UNIQUE (issuer, subject)
);
INSERT INTO accounts VALUES(1,'http://localhost:5001','ada','Ada','ada@example.com','2026-01-01 12:00:00.000000');
INSERT INTO accounts VALUES(2,'http://localhost:5001','zoe','Zoe',NULL,'2026-01-01 12:00:00.000000');
CREATE TABLE handoff_replay (
	issuer VARCHAR(255) NOT NULL, 
	jwt_id VARCHAR(261) NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (issuer, jwt_id)
)
 WITHOUT ROWID

;
INSERT INTO handoff_replay VALUES('http://localhost:5001','E57kkHwsd53RdHbt7cMLjsZ_fxg9jnOb3DRus33jchg',1767268925);
INSERT INTO handoff_replay VALUES('http://localhost:5001','f9Vo9_YT42m32OehLomVw5QNGfbdTfFZAEzmV6ExpTc',1767268925);
CREATE TABLE sessions (
	id_sha256 VARCHAR(64) NOT NULL, 
	handle VARCHAR(32) NOT NULL, 
	account_id BIGINT NOT NULL, 
	scope TEXT NOT NULL, 
	issuer_session_id TEXT, 
	token_sha256 VARCHAR(64) NOT NULL, 
	target VARCHAR(512) NOT NULL, 
	auth_time DATETIME, 
	started_at DATETIME NOT NULL, 
	last_seen_at DATETIME NOT NULL, 
	PRIMARY KEY (id_sha256), 
	UNIQUE (handle), 
	FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO sessions VALUES('5bf17231354b474fe60ff8061181785c6ccec05d5168e6116a336f86ffd6353e','45bd66c5ed43c869',1,'email notes:read notes:write openid profile','a-session-at-server1','837f8f971951539a2a108a99303270e0ab358090b6a5e7bdae7f9b4e6006bacb','/notes','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000');
INSERT INTO sessions VALUES('c5eeebdc0d1c7dc7d4506b4e50c880d6a5e98b0608332da2613dd5ca14e63f2c','4fb54df6dbb84fd3',2,'notes:read openid','a-session-at-server1','16c0b14c160e5c38db0f35e206a5dac1a3a372c48d57224eff9ebae629070fed','/notes','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000');
CREATE TABLE notes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account_id BIGINT NOT NULL, 
	text TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO notes VALUES(1,1,'kept 📝','2026-01-01 12:00:00.000000');
INSERT INTO notes VALUES(2,1,'it''s the second','2026-01-01 12:00:00.000000');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('accounts',2);
INSERT INTO sqlite_sequence VALUES('notes',3);
CREATE INDEX handoff_replay_by_expiry ON handoff_replay (expires_at);
CREATE INDEX ix_sessions_last_seen_at ON sessions (last_seen_at);
CREATE INDEX ix_sessions_account_id ON sessions (account_id);
CREATE INDEX notes_of_an_account ON notes (account_id, id);
COMMIT;
