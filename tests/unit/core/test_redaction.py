"""Secrets by their shape: what is hidden, and what only looks like one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.redaction import redacted, redacted_value, redacted_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a URL
        ("-mu https://me:hush@host/m.gguf", "-mu https://***@host/m.gguf"),
        ("https://host/m.gguf?download=true&token=hush", "https://host/m.gguf?download=true&token=***"),
        ("https://host/m?X-Amz-Signature=hush&e=3600", "https://host/m?X-Amz-Signature=***&e=3600"),
        ("https://host/m?x=0123456789abcdef01", "https://host/m?x=***"),
        ("https://host/m#access_token=hush", "https://host/m#access_token=***"),
        ("--lora me:hu:sh@host/l.gguf", "--lora ***@host/l.gguf"),
        # a name
        ("HF_TOKEN=hush llama-server", "HF_TOKEN=*** llama-server"),
        ("export OPENAI_API_KEY='hush'", "export OPENAI_API_KEY='***'"),
        ("aws_secret_access_key = hush", "aws_secret_access_key = ***"),
        ("--proxy-password hush -ngl 9", "--proxy-password *** -ngl 9"),
        ('--my-auth-header "hush"', '--my-auth-header "***"'),
        ("password: hush", "password: ***"),
        ("hf-token: abcd1234", "hf-token: ***"),
        ('{"api_key": "hu sh", "key": "c1f2"}', '{"api_key": "***", "key": "c1f2"}'),
        (r"{\"clientSecret\": \"hush\"}", r"{\"clientSecret\": \"***\"}"),
        ("{'authToken': 'hush'}", "{'authToken': '***'}"),
        # a header
        ("X-Api-Key: hush", "X-Api-Key: ***"),
        ("Authorization: Bearer abcd-1234", "Authorization: Bearer ***"),
        ("Cookie: hush", "Cookie: ***"),
        ("got Bearer abcd-1234 instead", "got Bearer *** instead"),
        ('{"Authorization": "Bearer hush"}', '{"Authorization": "***"}'),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        # a shape
        ("hf_abcdefghijklmnop", "***"),
        ("key sk-proj-abcdefgh1234 is wrong", "key *** is wrong"),
        ("ghp_abcdefghijklmnopqrst", "***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("eyJhbGciOiJI.eyJzdWIi.abc", "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nend", "***\nend"),
        # what a server masked itself
        ("main: api_keys: ****cdef", "main: api_keys: ***"),
        ("provided: sk-proj-********cdef. See", "provided: *** See"),
        ("sk-proj-abcdefghij", "***"),
        ("npm_abcdefghijklmno1", "***"),
        ("pypi-AgEIcHlwaS5vcmcCJDU2", "***"),
        ("xai-abcdefghijklmnop1", "***"),
        ("dop_v1_0123456789abcdef", "***"),
        ("SG.abcdefgh12.abcdefghijkl", "***"),
        ("ya29.abcdefghijkl", "***"),
        # other names
        ("env DB_PASS=hush API_PASS=hush SESSION=hush", "env DB_PASS=*** API_PASS=*** SESSION=***"),
        ("DB_PW=hush OTP=hush JWT=hush X_CSRF=hush", "DB_PW=*** OTP=*** JWT=*** X_CSRF=***"),
        ("https://h/x?tok=hush&a=b", "https://h/x?tok=***&a=b"),
        ("--proxy-user me:hush -ngl 9", "--proxy-user *** -ngl 9"),
        ("curl -u me:hush x", "curl -u *** x"),
        # headers of other schemes
        ("--header 'Cookie: a=b; session=hush' -v", "--header 'Cookie: ***' -v"),
        ("Set-Cookie: sid=hush; Path=/; csrf=hush", "Set-Cookie: ***"),
        ("Authorization: ApiKey hush", "Authorization: ApiKey ***"),
        ("Authorization: Negotiate hush", "Authorization: Negotiate ***"),
        ('Authorization: Digest username="me", qop=auth, response="hush"', "Authorization: Digest ***"),
        ("('x-api-key', 'hush')", "('x-api-key', '***')"),
        ("[['Api-Key', 'hush']]", "[['Api-Key', '***']]"),
        # a sentence
        ("Incorrect API key provided: hush", "Incorrect API key provided: ***"),
        ("API key Zx81QpLm is invalid", "API key *** is invalid"),
        ("the password is hunter2", "the password is ***"),
        # other ways to write it down
        ("<password>hush</password>", "<password>***</password>"),
        ("&lt;api-key&gt;hush&lt;/api-key&gt;", "&lt;api-key&gt;***&lt;/api-key&gt;"),
        ("{&quot;api_key&quot;:&quot;hush&quot;}", "{&quot;api_key&quot;:&quot;***&quot;}"),
        (r"\u0022api_key\u0022:\u0022hush\u0022", r"\u0022api_key\u0022:\u0022***\u0022"),
        ("next=%2Fx%3Ftoken%3Dhush%26a%3Db", "next=%2Fx%3Ftoken%3D***%26a%3Db"),
        ("x api_key%22%3A%22hush%22", "x api_key%22%3A%22***%22"),
        (r"apikey\u003dhush", r"apikey\u003d***"),
        # in other languages, and behind another name
        ('"token" => "hush", :a => 1', '"token" => "hush", :a => 1'),
        ('"api_key" => "hush", api_key := hush', '"api_key" => "***", api_key := ***'),
        ('$env:HF_TOKEN="hush"', '$env:HF_TOKEN="***"'),
        ('Environment="HF_TOKEN=hush"', 'Environment="HF_TOKEN=***"'),
        ("setx HF_TOKEN Zx81QpLm93Ab", "setx HF_TOKEN ***"),
        ("(b'x-api-key', b'hush')", "(b'x-api-key', b'***')"),
        # of several words, in lists
        ("password='hu sh' --my-secret \"hu sh\" -v", "password='***' --my-secret \"***\" -v"),
        ("LLAMA_API_KEY=hush,hash -v", "LLAMA_API_KEY=*** -v"),
        ("token=hush,a=b", "token=***,a=b"),
        ('{"api_key": ["hush", "hash"], "keys": ["a"]}', '{"api_key": [***], "keys": ["a"]}'),
        # names that are words too, before what is none
        ('token: Zx81QpLm93Ab, "key": "Zx81QpLm93Ab"', 'token: ***, "key": "***"'),
        ("key Zx81QpLm93Ab is not valid", "key *** is not valid"),
        ("Your API key (Zx81QpLm93Ab) is wrong", "Your API key (***) is wrong"),
        (
            "GITHUB_PAT=hush CREDS=hush SSHPASS=hush https://h/x;jsessionid=hush",
            "GITHUB_PAT=*** CREDS=*** SSHPASS=*** https://h/x;jsessionid=***",
        ),
        ("//me:hush@host/p", "//***@host/p"),
        ("tvly-abcdefghij12 hvs.abcdefghijkl12 dckr_pat_abcdefghij0123456", "*** *** ***"),
        # other machines
        ("--rpc 127.0.0.1:50052 -ngl 9", "--rpc 127.0.0.1:50052 -ngl 9"),
    ],
)
def test_what_is_hidden(text: str, expected: str) -> None:
    """By its place, its name, or itself; nothing beside it."""
    assert expected == redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "print_info: EOG token        = 106 '<end_of_turn>'",
        "tokenizer.ggml.eos_token_id u32 = 1, n_tokens = 512, max_tokens: 8",
        "llama.attention.key_length = 64",
        "error: unknown key: foo",
        "--api-key-file /etc/key --cache-type-k q8_0 -ctk q4_0 -ctv q4_0",
        "use --kv-api-key-env NAME or --kv-api-key-file FILE",
        "basic authentication is needed; Bearer authentication",
        "author: me",
        "kv-grid: user-auth: bf16/bf16 comes first and last",
        "my-secret: lowest q4_0/q4_0",
        "ghcr.io/org/image:tag@sha256:12",
        "trend over K: no trend, p = 1.000, all types equal",
        "test_recall[q8_0/q4_0-auth_token]",
        "a ** b",
        "--api-key ***: servers listen on 127.0.0.1 only",
        "hf_download_model reads like sk_build_table",
        "https://host/m.gguf?download=true",
        "Invalid API key",
        "API key is missing",
        "error: password is required; the API key was rejected: give another",
        "session: 3 of 9, session 2; pass: no, first pass: good, tok: x",
        "<token>int</token>, max_tokens%3D9, tokenizer%3Dgpt2",
        "docker run -u 1000:1000 image",
        '("token", "id")',
        "n_tokens=512, passes=4, passed=some, tokens=words, tokenizer=gpt2, compass=north",
        "--kv-pass (ini: kv_pass) = 'many' is not a whole number",
        "pypi-publish-of-a-package npm_config_registry",
        '"key": "9f86d081884c7d65", cache key 9f86d081884c7d65, keys: [a, b], pattern=some, sidecar=on',
        "token: Qwen3, token 'Gemma3nForCausalLM', special token <|endoftext|> id 151643",
        "slot update_slots: id  0 | task 0 | new prompt, n_ctx_slot = 4096, n_keep = 0, task.n_tokens = 12",
    ],
)
def test_what_is_none(text: str) -> None:
    """Tokens of text, files that hold a key, figures."""
    assert text == redacted(text)


@given(st.text("ab:=@/?&\"'*- \\tokenkey\n"))
def test_once_is_enough(text: str) -> None:
    """What is hidden stays as it is."""
    assert redacted(text) == redacted(redacted(text))


def test_arguments() -> None:
    """The word behind a flag is its value, whatever is in it."""
    given_words = ["env", "HF_TOKEN=hush", "A=b", "-x", "a.key=1", "--some-secret", "hu sh", "-hft", "hush", "-H"]
    hidden = ["env", "HF_TOKEN=***", "A=b", "-x", "a.key=1", "--some-secret", "***", "-hft", "***", "-H"]
    assert hidden == redacted_words(given_words)
    assert ["--auth", "-ngl", "9", "MY_KEY=***"] == redacted_words(["--auth", "-ngl", "9", "MY_KEY=two words"])


def test_hosts_have_codes() -> None:
    """What answers depend on stays to be seen; whose machine it is does not."""
    words = redacted_words(["--rpc", "gpu1.lan:50052,gpu2.lan:50052", "LLAMA_ARG_RPC=gpu1.lan:50052"])
    assert "gpu" not in " ".join(words)
    first, second = words[1].split(",")
    assert first != second
    assert f"LLAMA_ARG_RPC={first}" == words[2]
    assert f"x --rpc {first},{second} y" == redacted("x --rpc gpu1.lan:50052,gpu2.lan:50052 y")


def test_json() -> None:
    """Names count at any depth, and texts are looked at; the key of a run is none."""
    value = {"key": "c1", "extra": {"api_key": "hush", "n": [1, None, "hf_abcdefghijkl"]}, "a": ["--hf-token", "hush"]}
    expected = {"key": "c1", "extra": {"api_key": "***", "n": [1, None, "***"]}, "a": ["--hf-token", "***"]}
    assert expected == redacted_value(value)
    assert "hush" not in redacted(json.dumps(json.dumps(value)))


def test_rows_keep_their_session() -> None:
    """Its id is no secret; that of a cookie is."""
    row = {"session": "8c1f2a9e77", "tokens": [{"token": "return"}], "pass": "first"}
    assert row == redacted_value(row)
    assert ["--session", "***"] == redacted_words(["--session", "8c1f2a9e77"])
    assert ["--proxy-user", "***", "-u", "1:1"] == redacted_words(["--proxy-user", "me:hush", "-u", "1:1"])


def test_values_below_a_secret_name() -> None:
    """Whatever they are; a word of two that names the other; what is a list of arguments stays one."""
    value = {"credentials": {"user": "me", "of": ["hush", {"a": "hush"}]}, "apiKeys": ["hush"], "stop_tokens": ["</s>"]}
    hidden = {"credentials": {"user": "***", "of": ["***", {"a": "***"}]}, "apiKeys": ["***"], "stop_tokens": ["</s>"]}

    assert hidden == redacted_value(value)
    assert {"headers": [["X-Api-Key", "***"]]} == redacted_value({"headers": [["X-Api-Key", "hush"]]})
