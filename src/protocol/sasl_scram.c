/*
 * SCRAM-SHA-1, SCRAM-SHA-256 and their -PLUS forms (RFC 5802, 7677): neither
 * side shows the password, both prove that they know it.
 *
 *     client-first = gs2-header "n=" saslname ",r=" nonce
 *     gs2-header = ("n" / "y" / "p=" cb-name) "," ["a=" saslname] ","
 *     server-first = "r=" nonce ",s=" base64 ",i=" posit-number ["," extensions]
 *     client-final = "c=" base64 ",r=" nonce ",p=" base64
 *     server-final = ("v=" base64 / "e=" value) ["," extensions]
 *
 * The server's signature is checked whether it comes in a 334 or with the
 * 235. What the server says is taken to the letter: all that is odd here is a
 * server that is broken, or another one.
 */
#include "protocol/sasl_internal.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "protocol/base64.h"
#include "protocol/saslprep.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct server_first {
	/** With what stands before it and the "r=". */
	struct envoi_span nonce;
	struct envoi_span salt;
	int iterations;
};

static bool is_plus(const struct envoi_sasl *sasl)
{
	return (sasl->mechanism & ENVOI_SASL_ALL_PLUS) != 0;
}

static const EVP_MD *digest_of(const struct envoi_sasl *sasl)
{
	bool sha_1 = sasl->mechanism == ENVOI_SASL_SCRAM_SHA_1
		     || sasl->mechanism == ENVOI_SASL_SCRAM_SHA_1_PLUS;
	return sha_1 ? EVP_sha1() : EVP_sha256();
}

static size_t digest_size(const struct envoi_sasl *sasl)
{
	return (size_t)EVP_MD_get_size(digest_of(sasl));
}

/* The server broke the rules; what says how. */
static int distrust(struct envoi_sasl *sasl, struct envoi_error *err, const char *what)
{
	sasl->unproven = true;
	return envoi_error_set(
		err, ENVOI_STATUS_AUTH, "%s: %s", envoi_sasl_name(sasl->mechanism), what);
}

/* -- Before the first message ------------------------------------------------- */

static int prepare_user(struct envoi_sasl *sasl, struct envoi_error *err)
{
	struct envoi_secret prepared = {0};
	int result = envoi_saslprep(&prepared, envoi_span_of(sasl->identity.user));
	if (result > 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "the user name %s",
			envoi_saslprep_reason((enum envoi_saslprep)result));
	}
	if (result < 0) {
		return envoi_sasl_no_memory(err);
	}
	result = envoi_sasl_escape_name(
		&sasl->scram.user, envoi_sasl_span(&prepared), err);
	envoi_secret_finish(&prepared);
	return result;
}

/* A password that cannot be prepared goes as it is: a server that is strict
 * has no such password, and one that is not may know it in this form. */
static int prepare_password(struct envoi_sasl *sasl, struct envoi_error *err)
{
	struct envoi_span password = envoi_sasl_span(sasl->identity.secret);
	int result = envoi_saslprep(&sasl->scram.password, password);
	if (result > 0) {
		result = envoi_secret_set(
			&sasl->scram.password, password.data, password.len);
	}
	return result < 0 ? envoi_sasl_no_memory(err) : 0;
}

static int make_nonce(struct envoi_sasl *sasl, struct envoi_error *err)
{
	const char *given = sasl->identity.nonce;
	unsigned char random[18];
	if (given != NULL) {
		return envoi_secret_set(&sasl->scram.nonce, given, strlen(given)) == 0
			       ? 0
			       : envoi_sasl_no_memory(err);
	}
	if (RAND_bytes(random, sizeof(random)) != 1) {
		return envoi_error_set(
			err, ENVOI_STATUS_SYSTEM, "OpenSSL gives no random octets");
	}
	struct envoi_span octets = {(const char *)random, sizeof(random)};
	return envoi_base64_encode(&sasl->scram.nonce, octets) == 0
		       ? 0
		       : envoi_sasl_no_memory(err);
}

/* "y" says: I could bind, but you cannot. A server that can knows then that
 * somebody took its -PLUS out of the list; so never "y" where it is there. */
static int make_header(struct envoi_sasl *sasl, struct envoi_error *err)
{
	const struct envoi_sasl_binding *binding = sasl->identity.binding;
	bool has_binding = binding != NULL && binding->type[0] != '\0';
	struct envoi_secret name = {0};
	if (is_plus(sasl) && !has_binding) {
		return envoi_error_set(err, ENVOI_STATUS_BUG, "%s without a binding",
			envoi_sasl_name(sasl->mechanism));
	}
	if (envoi_sasl_escape_name(&name, envoi_sasl_span(&sasl->authzid), err) != 0) {
		return -1;
	}
	const char *flag = is_plus(sasl)				       ? "p="
			   : has_binding && !sasl->identity.server_offers_plus ? "y"
									       : "n";
	const struct envoi_span parts[] = {
		envoi_span_of(flag),
		envoi_span_of(is_plus(sasl) ? binding->type : ""),
		envoi_span_of(name.length > 0 ? ",a=" : ","),
		envoi_sasl_span(&name),
		envoi_span_of(","),
	};
	int result = envoi_sasl_join(&sasl->scram.header, parts, COUNT(parts), err);
	envoi_secret_finish(&name);
	return result;
}

static int begin(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (envoi_sasl_need_user(sasl, err) != 0 || envoi_sasl_need_secret(sasl, err) != 0
		|| prepare_user(sasl, err) != 0 || prepare_password(sasl, err) != 0
		|| make_nonce(sasl, err) != 0 || make_header(sasl, err) != 0) {
		return -1;
	}
	const struct envoi_span parts[] = {
		envoi_span_of("n="),
		envoi_sasl_span(&sasl->scram.user),
		envoi_span_of(",r="),
		envoi_sasl_span(&sasl->scram.nonce),
	};
	return envoi_sasl_join(&sasl->scram.first, parts, COUNT(parts), err);
}

/* -- What the server says ------------------------------------------------------ */

/* Takes attr-val ( = ALPHA "=" value, value = 1*( any but NUL and "," ) ) and
 * the comma behind it off the front. Its letter; 0: malformed. */
static char take_attribute(struct envoi_span *rest, struct envoi_span *ret_value)
{
	const char *comma = rest->len > 0 ? memchr(rest->data, ',', rest->len) : NULL;
	size_t n = comma != NULL ? (size_t)(comma - rest->data) : rest->len;
	if (n < 3 || rest->data[1] != '=' || memchr(rest->data, '\0', n) != NULL
		|| (comma != NULL && n + 1 == rest->len)) {
		return 0;
	}
	char letter = rest->data[0];
	if (!(letter >= 'a' && letter <= 'z') && !(letter >= 'A' && letter <= 'Z')) {
		return 0;
	}
	*ret_value = (struct envoi_span){rest->data + 2, n - 2};
	if (comma != NULL) {
		n++;
	}
	rest->data += n;
	rest->len -= n;
	return letter;
}

/* Extensions may follow what we know. They can be passed over, but for "m",
 * which says that they may not; and nothing may come twice. */
static const char *check_extensions(struct envoi_span rest, const char *known)
{
	char seen[53] = "";
	size_t n = strlen(known);
	memcpy(seen, known, n);
	while (rest.len > 0) {
		struct envoi_span value;
		char letter = take_attribute(&rest, &value);
		if (letter == 0) {
			return "the server's message is malformed";
		}
		if (letter == 'm') {
			return "the server asks for an extension (m=)";
		}
		if (strchr(seen, letter) != NULL) {
			return "the server's message has an attribute twice";
		}
		seen[n++] = letter;
	}
	return NULL;
}

static bool is_printable(struct envoi_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < 0x21 || text.data[i] > 0x7e) {
			return false;
		}
	}
	return true;
}

static const char *check_nonce(const struct envoi_sasl *sasl, struct envoi_span nonce)
{
	struct envoi_span ours = envoi_sasl_span(&sasl->scram.nonce);
	if (!is_printable(nonce) || nonce.len <= ours.len
		|| memcmp(nonce.data, ours.data, ours.len) != 0) {
		return "the server's nonce does not extend ours";
	}
	return NULL;
}

/* posit-number = %x31-39 *DIGIT */
static const char *read_iterations(struct envoi_span digits, int *ret)
{
	uint64_t value = 0;
	bool many = false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9') {
			return "the server's iteration count (i=) is no number";
		}
		value = many ? value : value * 10 + (uint64_t)(digits.data[i] - '0');
		many = many || value > ENVOI_LIMIT_SCRAM_MOST;
	}
	if (digits.data[0] == '0') {
		return "the server's iteration count (i=) begins with 0";
	}
	if (many) {
		return "the server asks for more than 1000000 iterations (i=)";
	}
	if (value < ENVOI_LIMIT_SCRAM_LEAST) {
		return "the server asks for fewer than 4096 iterations (i=), "
		       "which are not safe";
	}
	*ret = (int)value;
	return NULL;
}

static const char *read_first(
	const struct envoi_sasl *sasl, struct envoi_span text, struct server_first *ret)
{
	struct envoi_span digits;
	if (text.len >= 2 && memcmp(text.data, "m=", 2) == 0) {
		return "the server asks for an extension (m=)";
	}
	if (take_attribute(&text, &ret->nonce) != 'r') {
		return "the server's message has no nonce (r=)";
	}
	if (take_attribute(&text, &ret->salt) != 's') {
		return "the server's message has no salt (s=)";
	}
	if (take_attribute(&text, &digits) != 'i') {
		return "the server's message has no iteration count (i=)";
	}
	const char *fault = check_nonce(sasl, ret->nonce);
	if (fault == NULL) {
		fault = check_extensions(text, "rsi");
	}
	return fault != NULL ? fault : read_iterations(digits, &ret->iterations);
}

/* server-error: refused in the server's words, so it need prove nothing. */
static int refuse(
	struct envoi_sasl *sasl, struct envoi_span value, struct envoi_error *err)
{
	envoi_sasl_set_failure(sasl, value);
	(void)envoi_error_set(err, ENVOI_STATUS_AUTH, "%s: the server refuses: %s",
		envoi_sasl_name(sasl->mechanism), sasl->failure);
	if (strncmp(sasl->failure, "channel-binding", 15) == 0
		|| strcmp(sasl->failure, "unsupported-channel-binding-type") == 0) {
		sasl->unproven = true;
		envoi_error_hint(err,
			"something may stand between here and the server that ends TLS; "
			"if that is as it should be, ask for a mechanism without -PLUS");
	}
	return -1;
}

/* -- The proof ----------------------------------------------------------------- */

struct keys {
	unsigned char salted[ENVOI_SASL_DIGEST];
	unsigned char client[ENVOI_SASL_DIGEST];
	unsigned char stored[ENVOI_SASL_DIGEST];
	unsigned char proof[ENVOI_SASL_DIGEST];
	unsigned char server[ENVOI_SASL_DIGEST];
};

static bool sign(const EVP_MD *md, const unsigned char *key, struct envoi_span text,
	unsigned char *out)
{
	return HMAC(md, key, EVP_MD_get_size(md), (const unsigned char *)text.data,
		       text.len, out, NULL)
	       != NULL;
}

/* RFC 5802 3. message is AuthMessage. */
static bool derive(struct envoi_sasl *sasl, const struct envoi_secret *salt,
	int iterations, struct envoi_span message, struct keys *keys)
{
	const struct envoi_secret *password = &sasl->scram.password;
	const EVP_MD *md = digest_of(sasl);
	size_t size = digest_size(sasl);
	if (PKCS5_PBKDF2_HMAC(password->data, (int)password->length,
		    (const unsigned char *)salt->data, (int)salt->length, iterations, md,
		    (int)size, keys->salted)
			!= 1
		|| !sign(md, keys->salted, envoi_span_of("Client Key"), keys->client)
		|| EVP_Digest(keys->client, size, keys->stored, NULL, md, NULL) != 1
		|| !sign(md, keys->stored, message, keys->proof)
		|| !sign(md, keys->salted, envoi_span_of("Server Key"), keys->server)
		|| !sign(md, keys->server, message, sasl->scram.signature)) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		keys->proof[i] ^= keys->client[i];
	}
	return true;
}

/* "c=" and "r=": what the proof is of, with both first messages. */
static int join_final(struct envoi_sasl *sasl, struct envoi_span nonce,
	struct envoi_secret *ret, struct envoi_error *err)
{
	const struct envoi_sasl_binding *binding = sasl->identity.binding;
	struct envoi_secret input = {0};
	struct envoi_secret encoded = {0};
	struct envoi_span bound[] = {envoi_sasl_span(&sasl->scram.header), {"", 0}};
	if (is_plus(sasl)) {
		bound[1] =
			(struct envoi_span){(const char *)binding->data, binding->length};
	}
	int result = envoi_sasl_join(&input, bound, COUNT(bound), err);
	if (result == 0 && envoi_base64_encode(&encoded, envoi_sasl_span(&input)) != 0) {
		result = envoi_sasl_no_memory(err);
	}
	if (result == 0) {
		const struct envoi_span parts[] = {
			envoi_span_of("c="),
			envoi_sasl_span(&encoded),
			envoi_span_of(",r="),
			nonce,
		};
		result = envoi_sasl_join(ret, parts, COUNT(parts), err);
	}
	envoi_secret_finish(&input);
	envoi_secret_finish(&encoded);
	return result;
}

/* The proof in base64, and what the server must sign with. */
static int prove(struct envoi_sasl *sasl, const struct envoi_secret *salt, int iterations,
	struct envoi_span message, struct envoi_secret *ret, struct envoi_error *err)
{
	struct keys keys;
	struct envoi_span proof = {(const char *)keys.proof, digest_size(sasl)};
	int result = 0;
	if (!derive(sasl, salt, iterations, message, &keys)) {
		result = envoi_error_set(err, ENVOI_STATUS_SYSTEM,
			"OpenSSL cannot compute %s", envoi_sasl_name(sasl->mechanism));
	} else if (envoi_base64_encode(ret, proof) != 0) {
		result = envoi_sasl_no_memory(err);
	}
	envoi_secret_wipe(&keys, sizeof(keys));
	return result;
}

static int answer_first(struct envoi_sasl *sasl, struct envoi_span text,
	struct envoi_secret *ret, struct envoi_error *err)
{
	struct server_first first;
	struct envoi_secret salt = {0};
	struct envoi_secret final = {0};
	struct envoi_secret message = {0};
	struct envoi_secret proof = {0};
	if (text.len > 2 && memcmp(text.data, "e=", 2) == 0) {
		text.data += 2;
		text.len -= 2;
		return refuse(sasl, text, err);
	}
	const char *fault = read_first(sasl, text, &first);
	if (fault != NULL) {
		return distrust(sasl, err, fault);
	}
	int result = envoi_base64_decode(&salt, first.salt);
	if (result > 0) {
		return distrust(sasl, err, "the server's salt (s=) is not base64");
	}
	if (result < 0) {
		return envoi_sasl_no_memory(err);
	}
	result = join_final(sasl, first.nonce, &final, err);
	if (result == 0) {
		const struct envoi_span parts[] = {envoi_sasl_span(&sasl->scram.first),
			{",", 1}, text, {",", 1}, envoi_sasl_span(&final)};
		result = envoi_sasl_join(&message, parts, COUNT(parts), err);
	}
	if (result == 0) {
		result = prove(sasl, &salt, first.iterations, envoi_sasl_span(&message),
			&proof, err);
	}
	if (result == 0) {
		const struct envoi_span parts[] = {
			envoi_sasl_span(&final), {",p=", 3}, envoi_sasl_span(&proof)};
		result = envoi_sasl_join(ret, parts, COUNT(parts), err);
	}
	envoi_secret_finish(&salt);
	envoi_secret_finish(&final);
	envoi_secret_finish(&message);
	envoi_secret_finish(&proof);
	return result;
}

/* server-final */
static int verify(
	struct envoi_sasl *sasl, struct envoi_span text, struct envoi_error *err)
{
	struct envoi_span value;
	struct envoi_secret signature = {0};
	char letter = take_attribute(&text, &value);
	if (letter == 'e') {
		return refuse(sasl, value, err);
	}
	const char *fault = letter == 'v'
				    ? check_extensions(text, "v")
				    : "the server's last message has no signature (v=)";
	if (fault != NULL) {
		return distrust(sasl, err, fault);
	}
	if (envoi_base64_decode(&signature, value) < 0) {
		return envoi_sasl_no_memory(err);
	}
	sasl->scram.verified =
		signature.data != NULL && signature.length == digest_size(sasl)
		&& CRYPTO_memcmp(signature.data, sasl->scram.signature, signature.length)
			   == 0;
	envoi_secret_finish(&signature);
	if (!sasl->scram.verified) {
		return distrust(sasl, err,
			"the server's signature (v=) is wrong: "
			"it does not know the password");
	}
	return 0;
}

static int step(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	if (sasl->answers == 1) {
		return answer_first(sasl, challenge, ret, err);
	}
	if (sasl->answers == 2) {
		return verify(sasl, challenge, err) == 0
			       ? envoi_sasl_join(ret, NULL, 0, err)
			       : -1;
	}
	if (challenge.len > 0) {
		return distrust(sasl, err, "the server speaks first");
	}
	const struct envoi_span parts[] = {
		envoi_sasl_span(&sasl->scram.header),
		envoi_sasl_span(&sasl->scram.first),
	};
	return envoi_sasl_join(ret, parts, COUNT(parts), err);
}

/* A server may leave the 334 out and put its last message into the 235, where
 * it is one word of the text. */
static int accept(
	struct envoi_sasl *sasl, struct envoi_span text, struct envoi_error *err)
{
	struct envoi_span word;
	while (!sasl->scram.verified && (word = envoi_span_word(&text)).len > 0) {
		struct envoi_secret decoded = {0};
		int result = envoi_base64_decode(&decoded, word);
		if (result < 0) {
			return envoi_sasl_no_memory(err);
		}
		struct envoi_span message = envoi_sasl_span(&decoded);
		if (message.len > 2 && memcmp(message.data, "v=", 2) == 0) {
			result = verify(sasl, message, err);
			envoi_secret_finish(&decoded);
			return result;
		}
		envoi_secret_finish(&decoded);
	}
	if (!sasl->scram.verified) {
		return distrust(sasl, err,
			"the server says yes, but has not proved "
			"that it knows the password (no v=)");
	}
	return 0;
}

const struct envoi_sasl_methods envoi_sasl_scram = {
	.client_first = true,
	.least = 2,
	.most = 3,
	.begin = begin,
	.step = step,
	.accept = accept,
};
