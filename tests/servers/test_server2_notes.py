import re

import pytest

from server2.notes import NoteTextError, check_text
from tests.servers.notes_visitor import Visitor

READ_ONLY = "openid notes:read"
WRITE_ONLY = "openid notes:write"


@pytest.fixture
def reader(visitor):
    visitor.arrive()
    return visitor


def note_ids(page):
    return [int(found) for found in re.findall(r' id="note-(\d+)">', page)]


def test_a_note_is_added_and_shown(reader):
    answer = reader.add_note("Return the library books")
    assert answer.status_code == 303
    assert re.fullmatch(r"/notes#note-\d+", answer.location)
    assert "Return the library books" in reader.get("/notes").text


def test_a_note_is_shown_as_text_not_as_markup(reader):
    reader.add_note("<script>alert(1)</script>")
    page = reader.get("/notes").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_the_lines_of_a_note_are_kept(reader):
    reader.add_note("bread\r\nlemons\n\n  oil")
    assert '<p class="text" dir="auto">bread\nlemons\n\n  oil</p>' in reader.get("/notes").text


def test_the_newest_note_comes_first(reader):
    for text in ("first", "second"):
        reader.add_note(text)
    newest, oldest = note_ids(reader.get("/notes").text)
    assert newest > oldest


def test_the_list_is_paged_and_its_pages_miss_none(reader):
    for number in range(40):
        reader.add_note(f"note number {number}")
    seen, pages = [], 1
    page = reader.get("/notes").text
    while link := re.search(r'href="(/notes\?before=\d+)">Older', page):
        seen += note_ids(page)
        page, pages = reader.get(link[1]).text, pages + 1
    seen += note_ids(page)
    assert len(seen) == len(set(seen)) == 40
    assert pages == 2, "no link leads to a page without notes"


@pytest.mark.parametrize("before", ["x", "-1", "", "1.0", "\u0663", "9" * 20, "0x1"])
def test_a_place_in_the_list_that_is_no_number_is_a_bad_request(reader, before):
    assert reader.get("/notes", query_string={"before": before}).status_code == 400


def test_a_place_in_the_list_beyond_every_note_is_no_error(reader):
    assert reader.get("/notes?before=9999999999999999999").status_code == 200
    assert "no older notes" in reader.get("/notes?before=1").text


@pytest.mark.parametrize("text", ["", " \n\t ", "x" * 2001, "a\x00b", "\x1b[31m", "\x85", "\x7f"])
def test_a_text_that_cannot_be_kept_comes_back_with_a_reason(reader, text):
    answer = reader.add_note(text)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert note_ids(answer.text) == []


def test_a_text_that_cannot_be_kept_is_not_lost(reader):
    answer = reader.add_note("a long thought " * 200)
    assert "a long thought a long thought" in answer.text


def test_a_form_without_a_text_is_a_bad_request(reader):
    assert reader.submit("/notes").status_code == 400


def test_two_thousand_characters_of_any_script_are_kept(reader):
    text = "\U0001f4dd" * 2000
    token = reader.csrf_token()
    answer = reader.post(
        "/notes", {"csrf_token": token, "text": text}, content_type="multipart/form-data"
    )
    assert answer.status_code == 303
    assert text in reader.get("/notes").text
    assert 'enctype="multipart/form-data"' in reader.get("/notes").text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("a\r\nb", "a\nb"), ("a\rb", "a\nb"), ("\tx ", "\tx "), ("x" * 2000, "x" * 2000)],
)
def test_line_ends_are_made_alike_and_all_else_is_kept(typed, kept):
    assert check_text(typed) == kept


def test_line_ends_of_two_characters_count_once():
    assert len(check_text("\r\n" * 999 + "x")) == 1000
    with pytest.raises(NoteTextError, match=r"this has 2,001"):
        check_text("\r\n" * 2000 + "x")


def test_ones_own_note_is_deleted(reader):
    reader.add_note("soon gone")
    (note_id,) = note_ids(reader.get("/notes").text)
    answer = reader.submit(f"/notes/{note_id}/delete")
    assert (answer.status_code, answer.location) == (303, "/notes")
    assert "soon gone" not in reader.get("/notes").text


def test_somebody_elses_note_cannot_be_deleted_and_does_not_seem_to_exist(reader, another_visitor):
    reader.add_note("mine")
    (note_id,) = note_ids(reader.get("/notes").text)
    another_visitor.arrive(subject="bob")
    stolen = another_visitor.submit(f"/notes/{note_id}/delete")
    unknown = another_visitor.submit("/notes/123456/delete")
    assert stolen.status_code == unknown.status_code == 404
    assert "mine" in reader.get("/notes").text


@pytest.mark.parametrize("note_id", ["0", "9223372036854775808", "9" * 60, "x", "-1", "%00"])
def test_an_id_that_no_note_can_have_is_not_found(reader, note_id):
    assert reader.submit(f"/notes/{note_id}/delete").status_code == 404


def test_the_id_of_a_deleted_note_never_comes_back(reader):
    reader.add_note("first")
    (first,) = note_ids(reader.get("/notes").text)
    reader.submit(f"/notes/{first}/delete")
    reader.add_note("second")
    assert note_ids(reader.get("/notes").text) != [first]


@pytest.fixture
def read_only(another_visitor, reader):
    reader.add_note("written before")
    another_visitor.arrive(scope=READ_ONLY)
    return another_visitor


def test_without_the_scope_to_write_the_page_says_so_and_has_no_forms(read_only):
    answer = read_only.get("/notes")
    assert answer.status_code == 200
    assert "was not granted <code>notes:write</code>" in answer.text
    assert "written before" in answer.text
    assert 'action="/notes' not in answer.text


@pytest.mark.parametrize("path", ["/notes", "/notes/1/delete"])
def test_without_the_scope_to_write_a_forged_form_is_refused(read_only, path):
    answer = read_only.submit(path, {"text": "forged"}, page="/logout")
    assert answer.status_code == 403
    assert "forged" not in read_only.get("/notes").text
    assert "written before" in read_only.get("/notes").text


def test_without_the_scope_to_read_no_note_is_shown(reader, another_visitor):
    reader.add_note("for readers only")
    another_visitor.arrive(scope=WRITE_ONLY)
    answer = another_visitor.get("/notes")
    assert answer.status_code == 403
    assert "was not granted <code>notes:read</code>" in answer.text
    assert "for readers only" not in answer.text
    assert another_visitor.add_note("blind").status_code == 303


def test_the_session_has_the_scope_of_its_own_arrival_only(reader):
    reader.arrive(scope=READ_ONLY)
    assert reader.submit("/notes", {"text": "x"}, page="/logout").status_code == 403


def test_notes_survive_a_restart(reader, build_notes, issuer_key_ring, clock):
    reader.add_note("still there")
    later = Visitor(build_notes(), issuer_key_ring, clock)
    later.arrive()
    assert "still there" in later.get("/notes").text
