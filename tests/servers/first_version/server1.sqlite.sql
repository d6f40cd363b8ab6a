PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE users (
	subject VARCHAR(64) NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	email_folded VARCHAR(254) NOT NULL, 
	email_verified BOOLEAN NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	password_hash TEXT NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (subject), 
	UNIQUE (email_folded)
);
INSERT INTO users VALUES('XX7V-IepbnCaL4bWPfwAQA','ada@example.com','ada@example.com',1,'Ada','$argon2id$v=19$m=64,t=1,p=1$OxAc2tXawwVR9hfPcTchpA$gJmI0BeUBR5Loo/1BKlGwfTGATwtZPJjTyjAHmhRcJU',0,'2026-01-01 12:00:00.000000');
INSERT INTO users VALUES('b-xk03KKaeVNQJdzkLRBvA','zoe@example.com','zoe@example.com',1,'Ada','$argon2id$v=19$m=64,t=1,p=1$TvbcPQ1jUaKrPrjIkm7YAg$x1cRvTnO8NkeXcbI036xXY0oCtHMTjbkV3gZlPHx1cQ',0,'2026-01-01 12:00:00.000000');
CREATE TABLE throttles (
	key_sha256 VARCHAR(64) NOT NULL, 
	failures INTEGER NOT NULL, 
	over_at DATETIME NOT NULL, 
	PRIMARY KEY (key_sha256)
);
INSERT INTO throttles VALUES('4d15c260bf98d9d13cb46e9d21427f3959137308dc2d96b1a9eec108e64f1cab',0,'2026-01-01 12:01:00.000000');
INSERT INTO throttles VALUES('0f3369d26055452b30b884c1a2f1b33c8e5fbf1064a98d7d4712f7d14db8350a',0,'2026-01-01 12:01:00.000000');
INSERT INTO throttles VALUES('7e21bfd0935c8709a430ded9785b5460837519dcc4085a773cff48c076af109e',1,'2026-01-01 13:00:00.000000');
INSERT INTO throttles VALUES('1001df343146890562128336f247b764176f5de95b432f5e75a5e7714c5f8c44',0,'2026-01-01 12:01:00.000000');
INSERT INTO throttles VALUES('6c9d5b1bfef68ceca57b60fc8047e495aabccd3c2f3eac1e76f0c6c2175c4df0',0,'2026-01-01 12:01:00.000000');
INSERT INTO throttles VALUES('66e8c3d08a034fdfacf5774d876ef273c8f9889bd28567046378313ffe9a2cf3',1,'2026-01-01 12:01:00.000000');
INSERT INTO throttles VALUES('3d168e2096928fd657bcee6bbabe1fd8b051d44358fdff8737f0daef16f9d1ba',1,'2026-01-01 12:01:00.000000');
CREATE TABLE grants (
	subject VARCHAR(64) NOT NULL, 
	client_id VARCHAR(128) NOT NULL, 
	scope VARCHAR(1000) NOT NULL, 
	PRIMARY KEY (subject, client_id), 
	FOREIGN KEY(subject) REFERENCES users (subject) ON DELETE CASCADE
);
INSERT INTO grants VALUES('XX7V-IepbnCaL4bWPfwAQA','server2','notes:read openid');
INSERT INTO grants VALUES('b-xk03KKaeVNQJdzkLRBvA','server2','');
CREATE TABLE sessions (
	id_sha256 VARCHAR(64) NOT NULL, 
	sid VARCHAR(64) NOT NULL, 
	subject VARCHAR(64) NOT NULL, 
	auth_time DATETIME NOT NULL, 
	opened_at DATETIME NOT NULL, 
	last_seen_at DATETIME NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	user_agent VARCHAR(200) NOT NULL, 
	PRIMARY KEY (id_sha256), 
	UNIQUE (sid), 
	FOREIGN KEY(subject) REFERENCES users (subject) ON DELETE CASCADE
);
INSERT INTO sessions VALUES('318beded0ad72dc725168fac1a92e2cbb94e5df77393c8e11f5b2c6932f9b0d4','JP6plw1UUTLmO9N-9vdm7w','XX7V-IepbnCaL4bWPfwAQA','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000','127.0.0.1','Werkzeug/3.1.9');
INSERT INTO sessions VALUES('8103a5678f2910e1a3152a6a40725426710ffdebcf4de97ebee5afb912e017a3','Zfd7fG-o3JPMLlEhbJJ7gA','XX7V-IepbnCaL4bWPfwAQA','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000','2026-01-01 12:00:00.000000','203.0.113.7','Werkzeug/3.1.9');
CREATE TABLE known_addresses (
	subject VARCHAR(64) NOT NULL, 
	network VARCHAR(64) NOT NULL, 
	last_signed_in_at DATETIME NOT NULL, 
	PRIMARY KEY (subject, network), 
	FOREIGN KEY(subject) REFERENCES users (subject) ON DELETE CASCADE
);
INSERT INTO known_addresses VALUES('XX7V-IepbnCaL4bWPfwAQA','127.0.0.1','2026-01-01 12:00:00.000000');
INSERT INTO known_addresses VALUES('XX7V-IepbnCaL4bWPfwAQA','203.0.113.7','2026-01-01 12:00:00.000000');
CREATE INDEX throttles_by_over_at ON throttles (over_at);
CREATE INDEX sessions_by_last_seen_at ON sessions (last_seen_at);
CREATE INDEX ix_sessions_subject ON sessions (subject);
COMMIT;
