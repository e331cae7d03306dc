import pytest

from vtg_core.chat.conversation import Message, Role, TextPart, VideoPart, read_messages
from vtg_core.errors import ConversationError

VIDEO = {"type": "video", "video": "a.mp4"}


def text(words, **fields):
    return {"type": "text", "text": words, **fields}


def user(*parts):
    return {"role": "user", "content": list(parts) or [text("When?")]}


def assistant(words="[8.0, 14.0]"):
    return {"role": "assistant", "content": [text(words)]}


def system(words="Be brief."):
    return {"role": "system", "content": words}


def test_messages_are_read_part_by_part():
    assert read_messages([user(VIDEO, text("When?")), assistant()]) == (
        Message(Role.USER, (VideoPart("a.mp4"), TextPart("When?"))),
        Message(Role.ASSISTANT, (TextPart("[8.0, 14.0]"),)),
    )


def test_a_plain_text_is_a_message_of_one_part():
    assert read_messages([{"role": "user", "content": "Hi"}]) == (
        Message(Role.USER, (TextPart("Hi"),), is_plain=True),
    )


def test_a_text_may_say_which_characters_a_person_typed():
    (message,) = read_messages([user(text('Find "it".', query=[6, 8]))])
    assert message.texts == (TextPart('Find "it".', (6, 8)),)


def test_several_turns_and_a_system_message_are_read():
    roles = [m.role for m in read_messages([system(), user(), assistant(), user(), assistant()])]
    assert roles == ["system", "user", "assistant", "user", "assistant"]


def test_the_last_turn_may_be_the_users():
    assert len(read_messages([user(), assistant(), user()])) == 3


def test_the_order_of_texts_and_videos_is_kept():
    (message,) = read_messages([user(text("a"), VIDEO, text("b"), VIDEO)])
    assert [type(part) for part in message.parts] == [TextPart, VideoPart, TextPart, VideoPart]


def test_other_texts_can_be_put_in_the_place_of_a_messages_own():
    (message,) = read_messages([user(VIDEO, text("When?", query=[0, 4]))])
    assert message.with_texts(["X"]) == {"role": "user", "content": [{"type": "video"}, text("X")]}


def test_a_plain_message_stays_plain_with_other_texts():
    (message,) = read_messages([{"role": "user", "content": "When?"}])
    assert message.with_texts(["X"]) == {"role": "user", "content": "X"}


@pytest.mark.parametrize(
    ("words", "query", "stripped", "moved"),
    [
        ("  ab cd \n", (2, 4), "ab cd", (0, 2)),
        ("  ab cd \n", (0, 9), "ab cd", (0, 5)),
        ("ab  ", (3, 4), "ab", (2, 2)),
        ("   ", (0, 3), "", (0, 0)),
    ],
)
def test_the_query_moves_along_when_a_text_is_stripped(words, query, stripped, moved):
    assert TextPart(words, query).stripped() == TextPart(stripped, moved)


@pytest.mark.parametrize("messages", [[], "hello", {"role": "user"}, None, 7])
def test_messages_must_be_a_list_with_an_entry(messages):
    with pytest.raises(ConversationError, match="messages must be a list of"):
        read_messages(messages)


@pytest.mark.parametrize("message", ["hi", {"role": "user"}, {"content": "hi"}, None])
def test_a_message_must_have_a_role_and_a_content(message):
    with pytest.raises(ConversationError, match=r"messages\[0\] must have 'role' and 'content'"):
        read_messages([message])


@pytest.mark.parametrize("role", ["tool", "USER", "model", "", None, ["user"]])
def test_an_unknown_role_is_refused(role):
    with pytest.raises(
        ConversationError, match=r"messages\[0\]: role must be one of system, user, assistant"
    ):
        read_messages([{"role": role, "content": "hi"}])


@pytest.mark.parametrize("content", [None, 5, {"type": "text"}])
def test_a_content_must_be_a_text_or_parts(content):
    with pytest.raises(ConversationError, match=r"messages\[0\]: content must be a text or a list of parts"):
        read_messages([{"role": "user", "content": content}])


@pytest.mark.parametrize(
    "part",
    [
        "hi",
        {},
        {"type": "text"},
        {"type": "text", "text": 5},
        {"type": "image", "image": "a.png"},
        {"type": "video"},
    ],
)
def test_an_unknown_part_is_refused(part):
    with pytest.raises(ConversationError, match=r"messages\[0\], part 1 must be"):
        read_messages([user(text("a"), part)])


@pytest.mark.parametrize("query", [[0], [0, 99], [3, 1], [-1, 2], "ab", 5, [0.0, 1.0]])
def test_a_query_must_lie_within_its_text(query):
    with pytest.raises(
        ConversationError, match=r"query must be \[start, end\] within the text's 5 characters"
    ):
        read_messages([user(text("When?", query=query))])


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([assistant()], 0),
        ([user(), user()], 1),
        ([user(), assistant(), assistant()], 2),
        ([system(), assistant()], 1),
        ([system(), system(), user()], 1),
        ([user(), system(), assistant()], 1),
    ],
)
def test_user_and_assistant_must_take_turns(messages, place):
    with pytest.raises(ConversationError, match=rf"must take turns .*\(messages\[{place}\]\)"):
        read_messages(messages)


@pytest.mark.parametrize("words", ["", "  \n"])
def test_an_answer_must_say_something(words):
    with pytest.raises(ConversationError, match=r"messages\[1\]: an assistant's turn must say something"):
        read_messages([user(), assistant(words)])


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_the_user_may_show_a_video(role):
    turn = {"role": role, "content": [VIDEO, text("hi")]}
    with pytest.raises(ConversationError, match=f"only the user may show a video, got one from the {role}"):
        read_messages([user(), turn] if role == "assistant" else [turn, user()])


def test_a_lone_surrogate_is_refused_where_it_stands():
    with pytest.raises(ConversationError, match="lone surrogate at character 2; remove it"):
        read_messages([user(text("ab\ud800"))])
    with pytest.raises(ConversationError, match="lone surrogate at character 0"):
        read_messages([{"role": "user", "content": "\udfff"}])


def test_a_system_message_alone_is_no_conversation_to_train():
    with pytest.raises(ConversationError):
        read_messages([system()])
