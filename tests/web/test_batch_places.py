"""Which of a group's deployments takes a line: the one that was named, and one that holds the line's files."""

from managed_files.sandbox import OpenAISandbox
from managed_files.sandbox.openai import DEFAULT_KEY
from tests.batching import created, ended, line, outcome, uploaded
from tests.gateway import file_part
from tests.routed import LEFT_MODEL, PAIR, RIGHT, RIGHT_MODEL, Start, Trio, entry, told_to_fail

OWN = "own"  # of a server without batches


def inputs(server: OpenAISandbox) -> int:
    """How many inputs of batches the server holds."""
    return sum(file.purpose == "batch" for file in server.files.values())


def test_lines_for_two_accounts_with_one_name_of_the_model_are_two_parts(start: Start, trio: Trio) -> None:
    twins = [entry(PAIR, LEFT_MODEL, server) for server in (trio.left, trio.right)]
    bench = start([*twins, *trio.apart()])
    part = file_part(bench.stored(RIGHT))
    batch = created(bench, uploaded(bench, line("plain", PAIR), line("file", PAIR, "What is this?", part)))
    assert (len(batch["parts"]), outcome(bench, ended(bench, batch["id"]))) == (2, (["file", "plain"], {}))


def test_a_target_that_names_an_entry_is_that_entry(start: Start, trio: Trio) -> None:
    bench = start(trio.pair())
    uploaded(bench, line("a", "any"), targets=RIGHT_MODEL)
    assert [inputs(server) for server in (trio.left, trio.right)] == [0, 2]  # the group of the pair, and its own


def test_a_batch_runs_at_the_public_name_before_another_groups_entry(start: Start, trio: Trio) -> None:
    bench = start([entry(PAIR, RIGHT_MODEL, trio.left), entry(RIGHT_MODEL, LEFT_MODEL, trio.right)])
    file_id = uploaded(bench, line("a", "any"), targets=f"{PAIR}, {RIGHT_MODEL}")
    assert created(bench, file_id, model=RIGHT_MODEL)["model"] == RIGHT_MODEL


def test_a_line_falls_back_to_no_model_that_its_key_may_not_use(start: Start, trio: Trio) -> None:
    params = {"model": "openai_like/llama", "api_base": f"{trio.left.url}/v1", "api_key": DEFAULT_KEY}
    bench = start([{"model_name": OWN, "litellm_params": params}, *trio.apart()], fallbacks=[{OWN: [RIGHT]}])
    told_to_fail(trio.left, status=403)
    keys = [bench.key("ann", models=[OWN]), bench.key("bob", models=[OWN, RIGHT])]
    batches = [created(bench, uploaded(bench, line(key, OWN), key=key), key) for key in keys]
    assert [outcome(bench, ended(bench, batch["id"])) for batch in batches] == [([], {keys[0]: 502}), ([keys[1]], {})]
