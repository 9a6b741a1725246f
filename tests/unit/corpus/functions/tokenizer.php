<?php

/**
 * The named functions of PHP files, as PHP's own tokenizer sees them: what tests hold the extraction against.
 *
 * For each line of the standard input, a file's path, one line of JSON: {"lint": null or the parse error,
 * "functions": [{"name", "start_line", "signature_line", "body"}]}.
 */

declare(strict_types=1);

const BLANK = [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT];
const OPENING = ['{', T_CURLY_OPEN, T_DOLLAR_OPEN_CURLY_BRACES];
const TEXT = [T_ENCAPSED_AND_WHITESPACE, T_INLINE_HTML];

final class Tokens
{
    /** @var list<PhpToken> */
    private array $tokens = [];

    /** @var list<int> each token's line, counted by \n, \r\n and \r */
    private array $lineOf = [];

    public function __construct(private string $code)
    {
        $line = 1;
        foreach (PhpToken::tokenize($code, TOKEN_PARSE) as $token) {
            // `PhpToken::is` compares texts: a "}" of a string would pass for a brace.
            $this->tokens[] = $token->is(TEXT) ? new PhpToken($token->id, '', $token->line, $token->pos) : $token;
            $this->lineOf[] = $line;
            // A line end may be split over two tokens: "\r" of a comment's line and "\n".
            $after = substr($this->code, $token->pos + strlen($token->text), 1);
            $line += preg_match_all('/\r\n|\r|\n/', $token->text);
            $line -= (int) (str_ends_with($token->text, "\r") && $after === "\n");
        }
    }

    /** @return list<array{name: string, start_line: int, signature_line: int, body: list<string>}> */
    public function functions(): array
    {
        $found = [];
        $lines = preg_split('/\r\n|\r|\n/', $this->code);
        foreach ($this->tokens as $at => $token) {
            $named = $token->is(T_FUNCTION) ? $this->nameOf($at) : null;
            $opening = $named === null ? null : $this->opening($at);
            if ($opening !== null) {
                $first = $this->lineOf[$opening] + 1;
                $found[] = [
                    'name' => ltrim($this->tokens[$named]->text, '$'),
                    'start_line' => $first,
                    'signature_line' => $this->lineOf[$named],
                    'body' => array_slice($lines, $first - 1, max(0, $this->lineOf[$this->closing($opening)] - $first)),
                ];
            }
        }

        return $found;
    }

    /** The token that names the function at $at: its own name, or what it is assigned to. */
    private function nameOf(int $at): ?int
    {
        $next = $this->step($at, 1);
        if ($this->tokens[$next]->is('&') || $this->tokens[$next]->text === '&') {
            $next = $this->step($next, 1);
        }
        if ($this->tokens[$next]->is(T_STRING)) {
            return $this->tokens[$this->step($next, 1)]->is('(') ? $next : null; // else `use function ...`
        }
        $before = $this->step($at, -1);
        if ($this->tokens[$before]->is(T_STATIC)) {
            $before = $this->step($before, -1);
        }
        while ($this->tokens[$before]->is(']') && ($attribute = $this->attribute($before)) !== null) {
            $before = $this->step($attribute, -1);
        }
        if (!$this->tokens[$before]->is(['=', T_COALESCE_EQUAL])) {
            return null;
        }
        $target = $this->step($before, -1);
        $access = $this->tokens[$this->step($target, -1)];
        if ($this->tokens[$target]->is(T_VARIABLE)) {
            return $access->is(['$', T_OBJECT_OPERATOR]) ? null : $target;
        }

        return $this->tokens[$target]->is(T_STRING) && $access->is(T_OBJECT_OPERATOR) ? $target : null;
    }

    /** Where the attribute that ends at $at begins; null if the bracket is an array's. */
    private function attribute(int $at): ?int
    {
        for ($depth = 0; ; --$at) {
            $depth += (int) $this->tokens[$at]->is(']') - (int) $this->tokens[$at]->is(['[', T_ATTRIBUTE]);
            if ($depth === 0) {
                return $this->tokens[$at]->is(T_ATTRIBUTE) ? $at : null;
            }
        }
    }

    /** The brace that opens the body of the function at $at; null where a semicolon ends it. */
    private function opening(int $at): ?int
    {
        for ($depth = 0; ; ++$at) {
            $token = $this->tokens[$at];
            $depth += (int) $token->is(['(', '[', T_ATTRIBUTE]) - (int) $token->is([')', ']']);
            if ($depth === 0 && $token->is(['{', ';'])) {
                return $token->is('{') ? $at : null;
            }
        }
    }

    private function closing(int $at): int
    {
        for ($depth = 0; ; ++$at) {
            $depth += (int) $this->tokens[$at]->is(OPENING) - (int) $this->tokens[$at]->is('}');
            if ($depth === 0) {
                return $at;
            }
        }
    }

    /** The next token in that direction that is neither white space nor a comment. */
    private function step(int $at, int $by): int
    {
        do {
            $at += $by;
        } while ($this->tokens[$at]->is(BLANK));

        return $at;
    }
}

while (($path = fgets(STDIN)) !== false) {
    try {
        $answer = ['error' => null, 'functions' => (new Tokens(file_get_contents(rtrim($path, "\n"))))->functions()];
    } catch (CompileError $error) {
        $answer = ['error' => "line {$error->getLine()}: {$error->getMessage()}", 'functions' => []];
    }
    echo json_encode($answer, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
