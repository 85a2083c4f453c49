"""Queries of others: useful ones with their answers, harmless ones, and tricks."""

from typing import Any

USEFUL: dict[str, list[list[Any]]] = {
    "MATCH (s:Service)-[:OWNED_BY]->(t:Team) WHERE t.name = 'pricing' "
    "RETURN s.name AS name ORDER BY name": [
        ["pricing-service"],
        ["promotion-service"],
        ["tax-service"],
    ],
    "MATCH (a)-[r:CALLS|USES]->(b) WHERE r.p99_latency_ms > 3 * r.baseline_p99_latency_ms "
    "RETURN a.name AS caller, b.name AS callee ORDER BY r.p99_latency_ms DESC LIMIT 3": [
        ["api-gateway", "checkout-service"],
        ["web-shop", "api-gateway"],
        ["checkout-service", "cart-service"],
    ],
    "MATCH (:Service)-[r:USES]->(d:Database) WITH d, sum(r.connections) AS used "
    "RETURN d.name AS name, used, d.max_connections AS most ORDER BY used DESC LIMIT 1": [
        ["orders-db", 61, 200]
    ],
    "MATCH (s:Service)-[:RUNS_ON]->(h:Host) RETURN h.name AS host, count(DISTINCT s) AS count "
    "ORDER BY count DESC, host LIMIT 2": [["shop-node-3", 5], ["shop-node-1", 4]],
    "MATCH (h:Host) WHERE h.cpu_percent >= 90 OR h.memory_percent >= 90 RETURN h.name AS name": [
        ["search-node-1"]
    ],
    "MATCH (s:Service) WHERE NOT (s)-[:HAD_DEPLOYMENT]->() AND s.criticality = 'critical' "
    "RETURN collect(s.name) AS names": [[["api-gateway", "payment-service", "card-network"]]],
    "MATCH (s:Service)-[:HAD_DEPLOYMENT]->(d:Deployment) WHERE d.status <> 'succeeded' "
    "RETURN s.name AS service, d.version AS version, d.change AS change": [
        ["fraud-service", "v2.4.0", "Stricter velocity rules"]
    ],
    "MATCH (c:Service)-[:CALLS*1..6]->(p:Service {name: 'pricing-service'}) "
    "RETURN DISTINCT c.name AS name ORDER BY name": [
        ["api-gateway"],
        ["cart-service"],
        ["checkout-service"],
        ["web-shop"],
    ],
    "MATCH p = shortestPath((a:Service {name: 'web-shop'})-[:CALLS*..6]->"
    "(b:Service {name: 'tax-service'})) RETURN [n IN nodes(p) | n.name] AS way": [
        [
            [
                *("web-shop", "api-gateway", "checkout-service"),
                *("cart-service", "pricing-service", "tax-service"),
            ]
        ]
    ],
    "MATCH (s:Service) OPTIONAL MATCH (s)-[r:CALLS]->() WITH s, count(r) AS calls "
    "WHERE calls = 0 AND s.type IN ['cache', 'external'] RETURN s.name AS name ORDER BY name": [
        ["card-network"],
        ["session-cache"],
    ],
    "UNWIND ['cart', 'tax'] AS part MATCH (s:Service) WHERE s.name STARTS WITH part "
    "RETURN part, s.version AS version ORDER BY part": [["cart", "v4.1.0"], ["tax", "v1.2.0"]],
    "MATCH (s:Service) WHERE toLower(s.name) CONTAINS 'search' RETURN s.name AS name "
    "UNION MATCH (d:Database) WHERE d.name CONTAINS 'search' RETURN d.name AS name": [
        ["search-service"],
        ["search-index"],
    ],
    "MATCH (s:Service) RETURN CASE WHEN s.criticality IN ['high', 'critical'] "
    "THEN 'important' ELSE 'other' END AS kind, count(*) AS services ORDER BY services DESC": [
        ["important", 11],
        ["other", 4],
    ],
    "MATCH (a:Service) WHERE EXISTS { MATCH (a)-[:USES]->(:Database {name: 'prices-db'}) } "
    "RETURN a.name AS name ORDER BY name": [["pricing-service"], ["promotion-service"]],
    "MATCH (a {name: 'cart-service'})-[r:CALLS|USES]->(b) // what it needs\n"
    "RETURN type(r) AS relation, labels(b) AS labels, b.name AS name ORDER BY name": [
        ["CALLS", ["Service"], "pricing-service"],
        ["CALLS", ["Service"], "session-cache"],
    ],
}
"""Questions to the estate of the incident bad-deploy, and the rows that answer them."""

HARMLESS = {
    "a word in a string": "RETURN 'create' AS a, "
    "\"CALL apoc.load.json('x'); DETACH DELETE n\" AS b",
    "a word in a comment": "MATCH (n) // then DELETE n\nRETURN n /* SET n.x = 1;\nMERGE */ LIMIT 1",
    "a word in a quoted name": "MATCH (n:`Drop Box`)-[:`CREATE`]->(m) RETURN m.`set`",
    "a word as a part of a name": "MATCH (n:Dataset)-[:CALLS|USES]->(m) RETURN m.created, m.offset",
    "escapes in a string": r"""RETURN 'it\'s \\' AS a, "\\\" DELETE n" AS b, 'C:\\t' AS c""",
    "a quote of the other kind": """RETURN "it's" AS a, '"' AS b""",
    "a comment sign in a string": "RETURN 'http://x/*' AS a, '*/' AS b",
    "other alphabets in strings and quoted names": "MATCH (n:`Größe`) RETURN '价格 «CREATE»' AS x",
    "lower case": "match (n) where n.name starts with 'a' return distinct n.name as name limit 3",
    "a subquery that reads": "MATCH (n) WHERE EXISTS { MATCH (n)-->(m) WHERE m.x > 1 } RETURN n",
    "counting in a subquery": "MATCH (n) WHERE COUNT { (n)-->() } > 3 AND NOT EXISTS { (n)<--() } "
    "RETURN COLLECT { MATCH (n)-->(m) RETURN m.name } AS names",
    "arithmetic": "MATCH (a)-[r]->(b) RETURN (a.x + b.x) * 2 - -1.5e3 / size(labels(a)) % 2 AS x",
    "a map and a list": "RETURN {a: 1, b: [x IN range(1, 9) WHERE x > 2 | x * x][1..3]} AS map",
    "a column called as a function": "MATCH (n) RETURN n.type AS type, count(*) AS count "
    "ORDER BY count DESC, type",
    "bounded ways": "MATCH p = shortestPath((a)-[:CALLS|USES*..6]-(b)), "
    "(c)-[*2]->(d)<-[r*1..3]-(e) "
    "RETURN length(p)",
    "a union": "MATCH (a:A) RETURN a.x AS x UNION ALL MATCH (b:B) RETURN b.x AS x",
    "places in a list": "MATCH p = (a)-->(b) RETURN nodes(p)[0].name, nodes(p)[-1], [1, 2][0..2]",
    "lists after words": "MATCH (a) WHERE a.x IN [1] OR a.y IN ['password is wrong', 'b'] "
    "RETURN [(a)-->(b) | b.name] AS names, CASE WHEN true THEN [a.x, a.y] ELSE [] END AS pair",
    "a secret's name in a string": "MATCH (a) WHERE a.message CONTAINS 'password' RETURN a.bypass",
    "all properties": "MATCH (n) RETURN n {.*} AS n, properties(n) AS every, collect(n) AS ns",
    "labels in brackets": "MATCH (n:(A|B)&!C) OPTIONAL MATCH (n)--(m) RETURN n {.name, .x} AS n",
}
"""Allowed though they look as if they were not."""

BYPASSES: dict[str, tuple[str, str]] = {
    "CVE-2024-8309, a write that a prompt asked for": ("MATCH (n) DETACH DELETE n", "'DETACH'"),
    "CVE-2026-35402, a procedure that writes": (
        "CALL apoc.cypher.doIt('CREATE (:Intruder)', {}) YIELD value RETURN value",
        "'CALL'",
    ),
    "CVE-2026-35402, the procedure behind a read": (
        "MATCH (n) WITH n LIMIT 1 CALL apoc.create.node(['Intruder'], {}) YIELD node RETURN node",
        "'CALL'",
    ),
    "GHSA-2rgm-qm78-ggx5, apoc.load.json as a procedure": (
        "CALL apoc.load.json('http://169.254.169.254/latest/meta-data/')",
        "'CALL'",
    ),
    "a dotted function": ("RETURN apoc.load.json('file:///etc/passwd')", "'load'"),
    "a dotted function with gaps": ("RETURN apoc . load /**/ . json ('x')", "'load'"),
    "a dotted function that ends in a keyword": ("RETURN apoc.coll.contains([1], 1)", "'contains'"),
    "a dotted function that ends in a known one": (
        "RETURN apoc.text.replace('a', 'b')",
        "'replace'",
    ),
    "a quoted function": ("RETURN `apoc.load.json`('x')", "'`apoc.load.json`'"),
    "a quoted dotted function": ("RETURN `apoc`.`x`.`json`('x')", "'`json`'"),
    "a function that makes a huge text": (
        "RETURN replace(replace('aaaa', 'a', 'aaaaaaaaaa'), 'a', 'aaaaaaaaaa')",
        "'replace'",
    ),
    "a function that doubles a text": (
        "RETURN reduce(text = 'x', i IN range(1, 99) | text + text)",
        "'reduce'",
    ),
    "LOAD CSV of a file": ("LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line", "'LOAD'"),
    "LOAD CSV of an address": (
        "MATCH (n) LOAD CSV FROM 'http://169.254.169.254/' AS line RETURN line",
        "'LOAD'",
    ),
    "a label that closes its quotes": (
        "MATCH (n:`Service`) CREATE (:`Intruder`) RETURN n.`x`",
        "'CREATE'",
    ),
    "a label with a doubled quote": ("MATCH (n:`a`` CREATE (:b) `) RETURN n", "the name"),
    "a label with an escape": ("MATCH (n:`a\\`) CREATE (:b) RETURN n.`x`", "the name"),
    "a label from a value": ("MATCH (n:$('Service')) RETURN n", "$('Service')"),
    "a keyword split by a comment": ("CR/**/EATE (:Intruder)", "'CR'"),
    "a keyword split by a comment, later": ("MATCH (n) DET/**/ACH DEL/**/ETE n", "'DET'"),
    "a keyword between comments": ("MATCH (n)/**/SET/**/n.x=1", "'SET'"),
    "a comment that ends at a carriage return": (
        "RETURN 1 AS a // '\r ' \n CREATE (:Intruder) //'",
        "control",
    ),
    "a comment that hides a quote": ("RETURN 1 /* ' */ CREATE (:Intruder) //'", "'CREATE'"),
    "a comment that is not ours to read": ("RETURN 1 /* ' é */ CREATE (:X) /* ' */", "at 9: not"),
    "a comment that is not closed": ("RETURN 1 /* CREATE (:Intruder)", "'/* CREATE"),
    "a comment with a line separator": ("RETURN 1 //\u2028 CREATE (:Intruder)", "\\u2028"),
    "a unicode escape in a keyword": ("CR\\u0045ATE (:Intruder)", "unicode"),
    "a unicode escape that closes a string": ("RETURN '\\u0027 CREATE (:Intruder) //'", "unicode"),
    "a unicode escape after a backslash": ("RETURN '\\\\u0027 CREATE (:X) //'", "unicode"),
    "a unicode escape in a comment": ("RETURN 1 // \\u000a CREATE (:Intruder)", "unicode"),
    "a unicode escape in capitals": ("RETURN '\\U00000027 CREATE (:Intruder) //'", "unicode"),
    "an unknown escape": ("RETURN '\\x27 CREATE (:Intruder) //'", "the string"),
    "a string that is not closed": ("RETURN 'a\\' CREATE (:Intruder)", "the string"),
    "a letter that looks like another": ("MATCH (n) \u0421REATE (:Intruder)", "\u0421"),
    "a space that no keyboard has": ("MATCH (n)\u00a0SET n.x = 1", "outside strings"),
    "two statements": ("RETURN 1; CREATE (:Intruder)", "';"),
    "a subquery that writes": ("MATCH (n) CALL { CREATE (:Intruder) } RETURN n", "'CALL'"),
    "a subquery with a scope": ("MATCH (n) CALL (n) { SET n.x = 1 } RETURN n", "'CALL'"),
    "a write in EXISTS": ("MATCH (n) WHERE EXISTS { CREATE (:Intruder) } RETURN n", "'CREATE'"),
    "a write in COLLECT": ("RETURN COLLECT { INSERT (:Intruder) RETURN 1 } AS x", "'INSERT'"),
    "FOREACH": ("FOREACH (i IN [1] | CREATE (:Intruder))", "'FOREACH'"),
    "FOREACH later": ("MATCH (n) FOREACH (i IN [1] | SET n.x = i)", "'FOREACH'"),
    "UNION with a write": ("RETURN 1 AS a UNION CREATE (b) RETURN 1 AS a", "'CREATE'"),
    "another word for CREATE": ("MATCH (n) INSERT (:Intruder)", "'INSERT'"),
    "a clause that we do not know": ("MATCH (n) UPSERT (:Intruder)", "'UPSERT'"),
    "an unknown clause after all columns": ("MATCH (n) RETURN * UPSERT (:Intruder)", "'UPSERT'"),
    "an unknown clause after a value": ("WITH 1 AS a, null NEXT RETURN 2", "'NEXT'"),
    "an unknown clause that has no brackets": ("MATCH (n) RETURN * WIPE n", "'n' after 'WIPE'"),
    "another database": ("USE system MATCH (u:User) RETURN u", "'USE'"),
    "an administration command": ("SHOW USERS", "'SHOW'"),
    "DDL": ("CREATE CONSTRAINT FOR (s:Service) REQUIRE s.intruder IS UNIQUE", "'CREATE'"),
    "EXPLAIN of DDL": ("EXPLAIN CREATE INDEX FOR (s:Service) ON (s.intruder)", "'EXPLAIN'"),
    "PROFILE, which runs": ("PROFILE CREATE (:Intruder)", "'PROFILE'"),
    "an option before the query": ("CYPHER runtime=slotted CREATE (:Intruder)", "'CYPHER'"),
    "another language": ("INSERT INTO Intruder SET name = 'x'", "'INSERT'"),
    "no query": (" /* nothing */ ", "''"),
    "a word that runs out of a number": ("RETURN 1CREATE (:Intruder)", "'1CREATE"),
    "a word after a dot after a number": ("RETURN 1.CREATE (:Intruder)", "'CREATE'"),
    "a regular expression that never ends": ("RETURN 'aa' =~ '(.*a){12}b'", "'=~'"),
    "a way without a bound": ("MATCH (a)-[*]->(b) RETURN b", "'*'"),
    "a way without an upper bound": ("MATCH (a)<-[r:CALLS*2..]-(b) RETURN b", "'*2..'"),
    "a way that is too long": ("MATCH (a)-[:CALLS*1..7]-(b) RETURN b", "'*1..7'"),
    "a way of exactly too many": ("MATCH (a)-/**/[ :CALLS * 12 {x: 1}]-(b) RETURN b", "'*12'"),
    "a shortest way without a bound": (
        "MATCH p = shortestPath((a)-[:CALLS*]-(b)) RETURN p",
        "'*'",
    ),
    "a way in a comprehension": ("MATCH (a) RETURN [(a)-[:CALLS*]->(b) | b.name]", "'*'"),
    "a quantified arrow": ("MATCH (a)-[:CALLS]->+(b) RETURN b", "quantifier '+'"),
    "a quantified plain arrow": ("MATCH (a)-->*(b) RETURN b", "quantifier '*'"),
    "a quantified arrow in braces": ("MATCH (a)<-[:CALLS]-{1,}(b) RETURN b", "quantifier '{'"),
    "a quantified pattern": ("MATCH ((a)-[:CALLS]->(b))+ RETURN b", "quantifier '+'"),
    "a quantified pattern of any way": ("MATCH ANY ((a)-->(b))* (c) RETURN c", "quantifier '*'"),
    "a quantified pattern in braces": ("MATCH ((a)--(b)){1,} RETURN b", "quantifier '{'"),
    "a secret under another name": ("MATCH (n) RETURN n.password AS x", "'password'"),
    "a secret in other letters": ("MATCH (n) RETURN n . /**/ PassWord", "'PassWord'"),
    "a secret in camel case": ("MATCH (n) RETURN n.dbPassword AS x", "'dbPassword'"),
    "a secret in quotes": ("MATCH (n) RETURN n.`api-key` AS x", "'`api-key`'"),
    "a secret in a projection": ("MATCH (n) RETURN n {.name, .password} AS x", "'password'"),
    "a secret in a quoted projection": ("MATCH (n) RETURN n {.`db_secret`}", "'`db_secret`'"),
    "a secret that is collected": ("MATCH (n) RETURN collect(n.token) AS x", "'token'"),
    "a secret of all properties": ("MATCH (n) RETURN properties(n).password AS x", "'password'"),
    "a secret that is guessed": (
        "MATCH (n) WHERE n.password STARTS WITH 'h' RETURN n.name",
        "'password'",
    ),
    "a secret in a pattern": ("MATCH (n {password: 'hunter2'}) RETURN n.name", "'password'"),
    "a secret in a subquery": (
        "MATCH (n) WHERE EXISTS { MATCH (n) WHERE n.apiKey > 'h' } RETURN n.name",
        "'apiKey'",
    ),
    "a secret in an order": ("MATCH (n) RETURN n.name ORDER BY n.passwd", "'passwd'"),
    "a property by a text": ("MATCH (n) RETURN n['password'] AS x", "'['password']'"),
    "a property by parts of a text": ("MATCH (n) RETURN n['pass' + 'word'] AS x", "'pass'"),
    "a property by a variable": (
        "MATCH (n) UNWIND ['pass' + 'word', 'name'] AS k RETURN n[k] AS x",
        "'[k]' after 'n'",
    ),
    "a property of all by a variable": (
        "MATCH (n) WITH n, 'pass' + 'word' AS k RETURN properties(n)[k] AS x",
        "'[k]' after ')'",
    ),
    "a property of a list's node": (
        "MATCH (n) RETURN [m IN collect(n) | m[toLower('PASSWORD')]] AS x",
        "after 'm'",
    ),
    "a property of a place in a list": ("MATCH (n) RETURN collect(n)[0]['x']", "after ']'"),
    "a property of a map": ("MATCH (n) RETURN {a: n}['a']['pass' + 'word']", "after '}'"),
    "a property of a CASE": (
        "MATCH (n) RETURN CASE WHEN true THEN n END['pass' + 'word'] AS x",
        "after 'END'",
    ),
    "a property of a quoted variable": ("MATCH (`n n`) RETURN `n n`['x'] AS x", "after '`n n`'"),
    "a property of a variable that is called as a word": (
        "MATCH (n) WITH n AS in RETURN in['pass' + 'word'] AS x",
        "after 'in'",
    ),
    "a property of such a variable by a name": (
        "MATCH (n) WITH n AS where, 'pass' + 'word' AS k RETURN where[k] AS x",
        "after 'where'",
    ),
    "a property of such a variable by a CASE": (
        "MATCH (n) WITH n AS in RETURN in['pass' + CASE 1 WHEN 1, 2 THEN 'word' END] AS x",
        "after 'in'",
    ),
    "names one by one": ("MATCH (n) RETURN [k IN keys(n) | k] AS x", "'keys'"),
    "brackets that do not fit": ("MATCH (a)-[:CALLS*)->(b] RETURN b", "')'"),
    "a bracket that is not closed": ("MATCH (a)-[:CALLS*->(b) RETURN b", "'['"),
}
"""Tricks that got past the guards of others, and those that could get past ours.

Each with a part of what the refusal must name.
"""
