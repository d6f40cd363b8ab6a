--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    name text,
    email text,
    created_at timestamp with time zone NOT NULL
);


--
-- Name: accounts_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: accounts_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.accounts_id_seq OWNED BY public.accounts.id;


--
-- Name: handoff_replay; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.handoff_replay (
    issuer character varying(255) NOT NULL,
    jwt_id character varying(261) NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: notes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notes (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Name: notes_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.notes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: notes_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.notes_id_seq OWNED BY public.notes.id;


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id_sha256 character varying(64) NOT NULL,
    handle character varying(32) NOT NULL,
    account_id bigint NOT NULL,
    scope text NOT NULL,
    issuer_session_id text,
    token_sha256 character varying(64) NOT NULL,
    target character varying(512) NOT NULL,
    auth_time timestamp with time zone,
    started_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL
);


--
-- Name: accounts id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts ALTER COLUMN id SET DEFAULT nextval('public.accounts_id_seq'::regclass);


--
-- Name: notes id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notes ALTER COLUMN id SET DEFAULT nextval('public.notes_id_seq'::regclass);


--
-- Data for Name: accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.accounts VALUES (1, 'http://localhost:5001', 'ada', 'Ada', 'ada@example.com', '2026-01-01 12:00:00+00');
INSERT INTO public.accounts VALUES (2, 'http://localhost:5001', 'zoe', 'Zoe', NULL, '2026-01-01 12:00:00+00');


--
-- Data for Name: handoff_replay; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.handoff_replay VALUES ('http://localhost:5001', 'C0ocNPiitWVQFLgD1DrQkm2-5cs1_CqN5kf3wE3oPNQ', 1767268925);
INSERT INTO public.handoff_replay VALUES ('http://localhost:5001', '3ESNg7dmtRj7MZU1nfJlytUWzmBfeJo7nWgunzvfFWI', 1767268925);


--
-- Data for Name: notes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.notes VALUES (1, 1, 'kept 📝', '2026-01-01 12:00:00+00');
INSERT INTO public.notes VALUES (2, 1, 'it''s the second', '2026-01-01 12:00:00+00');


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions VALUES ('c7a48420febd4a93eeeba8709c66217425496beffa4bddcc4c6f4500761bec9e', '65b5b52b9794b516', 1, 'email notes:read notes:write openid profile', 'a-session-at-server1', '410950255b38266df9f72841dfd54dc9bfb483cb9e77a63ad9f2b7cead989785', '/notes', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00');
INSERT INTO public.sessions VALUES ('228a47f7960337d97dd39f0a447ec62e54f37ea2f2c8c077cb6acb916a486361', '9f38186fdbb3713c', 2, 'notes:read openid', 'a-session-at-server1', '8387ab2d16a0fbbc4910b7cfc4d47a27c67e581fefca7892685688d0c35aa2e3', '/notes', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00');


--
-- Name: accounts_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.accounts_id_seq', 2, true);


--
-- Name: notes_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.notes_id_seq', 3, true);


--
-- Name: accounts accounts_issuer_subject_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_issuer_subject_key UNIQUE (issuer, subject);


--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);


--
-- Name: handoff_replay handoff_replay_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.handoff_replay
    ADD CONSTRAINT handoff_replay_pkey PRIMARY KEY (issuer, jwt_id);


--
-- Name: notes notes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notes
    ADD CONSTRAINT notes_pkey PRIMARY KEY (id);


--
-- Name: sessions sessions_handle_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_handle_key UNIQUE (handle);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id_sha256);


--
-- Name: handoff_replay_by_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX handoff_replay_by_expiry ON public.handoff_replay USING btree (expires_at);


--
-- Name: ix_sessions_account_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_account_id ON public.sessions USING btree (account_id);


--
-- Name: ix_sessions_last_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_last_seen_at ON public.sessions USING btree (last_seen_at);


--
-- Name: notes_of_an_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX notes_of_an_account ON public.notes USING btree (account_id, id);


--
-- Name: notes notes_account_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notes
    ADD CONSTRAINT notes_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id);


--
-- Name: sessions sessions_account_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id);


--
-- PostgreSQL database dump complete
--


