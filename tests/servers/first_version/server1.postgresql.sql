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
-- Name: grants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.grants (
    subject character varying(64) NOT NULL,
    client_id character varying(128) NOT NULL,
    scope character varying(1000) NOT NULL
);


--
-- Name: known_addresses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.known_addresses (
    subject character varying(64) NOT NULL,
    network character varying(64) NOT NULL,
    last_signed_in_at timestamp with time zone NOT NULL
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id_sha256 character varying(64) NOT NULL,
    sid character varying(64) NOT NULL,
    subject character varying(64) NOT NULL,
    auth_time timestamp with time zone NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    address character varying(64) NOT NULL,
    user_agent character varying(200) NOT NULL
);


--
-- Name: throttles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.throttles (
    key_sha256 character varying(64) NOT NULL,
    failures integer NOT NULL,
    over_at timestamp with time zone NOT NULL
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    subject character varying(64) NOT NULL,
    email character varying(254) NOT NULL,
    email_folded character varying(254) NOT NULL,
    email_verified boolean NOT NULL,
    name character varying(100) NOT NULL,
    password_hash text NOT NULL,
    disabled boolean NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Data for Name: grants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.grants VALUES ('2Aiz7c7o8tjBYF88Fyxq6g', 'server2', 'notes:read openid');
INSERT INTO public.grants VALUES ('djpjaTEeEsCawwM7SsWiKQ', 'server2', '');


--
-- Data for Name: known_addresses; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.known_addresses VALUES ('2Aiz7c7o8tjBYF88Fyxq6g', '127.0.0.1', '2026-01-01 12:00:00+00');
INSERT INTO public.known_addresses VALUES ('2Aiz7c7o8tjBYF88Fyxq6g', '203.0.113.7', '2026-01-01 12:00:00+00');


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions VALUES ('636ddf42cb212a197dd5b10fdf2ed0c1ce4dea22559701fb7a9cdd29e939579b', '0ihwqhjm3OZ0FXbSgV5cGA', '2Aiz7c7o8tjBYF88Fyxq6g', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.sessions VALUES ('7a7aa7617a8195beabb17c4fd092cf54867cd0b059ce91c188f554b9090e756e', 'ncYRsvfRODIjdvQlOVEnQw', '2Aiz7c7o8tjBYF88Fyxq6g', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', '203.0.113.7', 'Werkzeug/3.1.9');


--
-- Data for Name: throttles; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.throttles VALUES ('4d15c260bf98d9d13cb46e9d21427f3959137308dc2d96b1a9eec108e64f1cab', 0, '2026-01-01 12:01:00+00');
INSERT INTO public.throttles VALUES ('0f3369d26055452b30b884c1a2f1b33c8e5fbf1064a98d7d4712f7d14db8350a', 0, '2026-01-01 12:01:00+00');
INSERT INTO public.throttles VALUES ('1001df343146890562128336f247b764176f5de95b432f5e75a5e7714c5f8c44', 0, '2026-01-01 12:01:00+00');
INSERT INTO public.throttles VALUES ('6c9d5b1bfef68ceca57b60fc8047e495aabccd3c2f3eac1e76f0c6c2175c4df0', 0, '2026-01-01 12:01:00+00');
INSERT INTO public.throttles VALUES ('66e8c3d08a034fdfacf5774d876ef273c8f9889bd28567046378313ffe9a2cf3', 1, '2026-01-01 12:01:00+00');
INSERT INTO public.throttles VALUES ('3d168e2096928fd657bcee6bbabe1fd8b051d44358fdff8737f0daef16f9d1ba', 1, '2026-01-01 12:01:00+00');
INSERT INTO public.throttles VALUES ('7e21bfd0935c8709a430ded9785b5460837519dcc4085a773cff48c076af109e', 1, '2026-01-01 13:00:00+00');


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('2Aiz7c7o8tjBYF88Fyxq6g', 'ada@example.com', 'ada@example.com', true, 'Ada', '$argon2id$v=19$m=64,t=1,p=1$Qhmywi23LOlVd/Xw7xWYOA$2NdA85HXRQRscolwX5cXuYJUMH2AIAFu5TQbP1xh0Xg', false, '2026-01-01 12:00:00+00');
INSERT INTO public.users VALUES ('djpjaTEeEsCawwM7SsWiKQ', 'zoe@example.com', 'zoe@example.com', true, 'Ada', '$argon2id$v=19$m=64,t=1,p=1$7HPbM6rOHSfwHdGrulcXSg$+jrv9S/LIPaFGYibifDWG/7hAumTB/08FF11y6DCyBY', false, '2026-01-01 12:00:00+00');


--
-- Name: grants grants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_pkey PRIMARY KEY (subject, client_id);


--
-- Name: known_addresses known_addresses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.known_addresses
    ADD CONSTRAINT known_addresses_pkey PRIMARY KEY (subject, network);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id_sha256);


--
-- Name: sessions sessions_sid_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_sid_key UNIQUE (sid);


--
-- Name: throttles throttles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.throttles
    ADD CONSTRAINT throttles_pkey PRIMARY KEY (key_sha256);


--
-- Name: users users_email_folded_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_folded_key UNIQUE (email_folded);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (subject);


--
-- Name: ix_sessions_subject; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_subject ON public.sessions USING btree (subject);


--
-- Name: sessions_by_last_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_by_last_seen_at ON public.sessions USING btree (last_seen_at);


--
-- Name: throttles_by_over_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX throttles_by_over_at ON public.throttles USING btree (over_at);


--
-- Name: grants grants_subject_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_subject_fkey FOREIGN KEY (subject) REFERENCES public.users(subject) ON DELETE CASCADE;


--
-- Name: known_addresses known_addresses_subject_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.known_addresses
    ADD CONSTRAINT known_addresses_subject_fkey FOREIGN KEY (subject) REFERENCES public.users(subject) ON DELETE CASCADE;


--
-- Name: sessions sessions_subject_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_subject_fkey FOREIGN KEY (subject) REFERENCES public.users(subject) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


