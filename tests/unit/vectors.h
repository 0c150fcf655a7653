/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers: fixed keys and nonces, and the bytes that must come of them. They were computed apart from this code
 * (an own msgpack writer, libsodium and BLAKE2b called directly), so that they hold the format to what PROTOCOL.md
 * says. All bytes are hex. A change here is a change of the protocol. */
#ifndef FELLOE_TESTS_VECTORS_H
#define FELLOE_TESTS_VECTORS_H

/* the device's Ed25519 seed */
#define VECTOR_DEVICE_SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* its public key */
#define VECTOR_DEVICE_SIGN "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
/* its id: first 16 bytes of BLAKE2b-256 of that */
#define VECTOR_DEVICE "9d24e2eeaf27c2a088a564a32fc03a88"
/* the hub's Ed25519 seed */
#define VECTOR_HUB_SEED "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
/* its public key */
#define VECTOR_HUB_SIGN "29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7"
/* the site */
#define VECTOR_SITE "dale-east"
/* a person's id, and the id of the person's first data key */
#define VECTOR_PERSON "404142434445464748494a4b4c4d4e4f"
/* that data key */
#define VECTOR_PERSON_KEY "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
/* the id of the site's data key */
#define VECTOR_SITE_KEY_ID "505152535455565758595a5b5c5d5e5f"
/* that data key */
#define VECTOR_SITE_KEY "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
/* origin of source "urn:example:old-record", id "42" */
#define VECTOR_ORIGIN "0e6a77769b4127e64836772fba4790a9"
/* event 1: its nonce */
#define VECTOR_NONCE_1 "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
/* its body in the clear */
#define VECTOR_BODY_1 \
    "96cf019b76daa8000000b1706572736f6e2e696e74726f6475636564c410404142434445464748494a4b4c4d4e4fa861" \
    "73682d67726579c0c083a86b6e6f776e5f6173a5526f62696ea6736f75726365a26770a7757267656e6379a134"
/* its bytes */
#define VECTOR_EVENT_1 \
    "9a01c4109d24e2eeaf27c2a088a564a32fc03a8801a964616c652d6561737401c4200000000000000000000000000000" \
    "00000000000000000000000000000000000090c410404142434445464748494a4b4c4d4e4fc418a0a1a2a3a4a5a6a7a8" \
    "a9aaabacadaeafb0b1b2b3b4b5b6b7c46deb666239335e4db0a0da309a12438c1a22f4d991d12b4b362d58321d78de9a" \
    "b9aca5c5d2f61e99272c153b511e5fb721ebfb420d9115259a0677520eaecf7173c1c82eccf0c28819c6ab90df8ca320" \
    "b73277100cb2b15446655e74a09dfb1952badd71e860f2ae73225c6d8c1d"
/* its id */
#define VECTOR_ID_1 "69621650bed9f4e0deb774783358e64f3a147da4c63e1938e4dcda7bc8a85ef0"
/* event 2: its nonce */
#define VECTOR_NONCE_2 "b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
/* its body in the clear */
#define VECTOR_BODY_2 \
    "96cf019b76daa8000001aa6e6f74652e6164646564c410404142434445464748494a4b4c4d4e4fa86173682d67726579" \
    "cf0000019b76a3b980c4100e6a77769b4127e64836772fba4790a981a474657874d92a5072656665727320746f206265" \
    "2063616c6c656420616674657220666f7572206fe28099636c6f636b2e"
/* its bytes */
#define VECTOR_EVENT_2 \
    "9a01c4109d24e2eeaf27c2a088a564a32fc03a8801a964616c652d6561737402c42069621650bed9f4e0deb774783358" \
    "e64f3a147da4c63e1938e4dcda7bc8a85ef0920101c410404142434445464748494a4b4c4d4e4fc418b8b9babbbcbdbe" \
    "bfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfc48d50548e487bf5084a1234e27d4c996e5a56bc56d6321f2dfe4cc746bb29" \
    "4c6a1a7c51f254c62e7af60a13b2dc6e489bea710f821fe577dc1ecd4b967dc660bc61f4fcce2ca30b1aba1d57d45f01" \
    "bd31c3570f7790f49002a6932d0b7f07c930ceb3f9c5712da08d3ef3eb4cc1aed19633655a80150761a6e767a2494456" \
    "5980f73e23c1fbf65a6c62bdd38d28c5"
/* its id */
#define VECTOR_ID_2 "ad0f3cca970683e2404a37234353b239ab7c76436a9f4c9935ea29410ac7e951"
/* event 3: its nonce */
#define VECTOR_NONCE_3 "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7"
/* its body in the clear */
#define VECTOR_BODY_3 \
    "96cf019b76daaddc0000ad776f726b65722e6a6f696e6564c0a86173682d67726579ffc082a6776f726b6572a8617368" \
    "2d67726579a46e616d65a84173682047726579"
/* its bytes */
#define VECTOR_EVENT_3 \
    "9a01c4109d24e2eeaf27c2a088a564a32fc03a8801a964616c652d6561737403c420ad0f3cca970683e2404a37234353" \
    "b239ab7c76436a9f4c9935ea29410ac7e95194010202cd012cc410505152535455565758595a5b5c5d5e5fc418d0d1d2" \
    "d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7c45343d462a27ea4f148ad5d89192b1ee4121126a8256ad498a525" \
    "eb100a2f95b4ae5cf351181afb5186eeb650acdb2ddd4d492d8f20d6d624dc608af977dd15f83724b04383040bd47594" \
    "9c9d3b4b09a65b01f73b"
/* its id */
#define VECTOR_ID_3 "77d5743df28db624cffde914b33096414887fc6a5309c6d266fae54cbdcf6cd0"
/* event 4: event 2 written again by incarnation 2, whose own history of incarnation 1 the hub holds up to event 1; its
 * nonce */
#define VECTOR_NONCE_4 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0001020304050607"
/* its body in the clear */
#define VECTOR_BODY_4 \
    "98cf019b76daa8000001aa6e6f74652e6164646564c410404142434445464748494a4b4c4d4e4fa86173682d67726579" \
    "cf0000019b76a3b980c4100e6a77769b4127e64836772fba4790a9920101c420ad0f3cca970683e2404a37234353b239" \
    "ab7c76436a9f4c9935ea29410ac7e95181a474657874d92a5072656665727320746f2062652063616c6c656420616674" \
    "657220666f7572206fe28099636c6f636b2e"
/* its bytes */
#define VECTOR_EVENT_4 \
    "9a01c4109d24e2eeaf27c2a088a564a32fc03a8802a964616c652d6561737401c4200000000000000000000000000000" \
    "000000000000000000000000000000000000920101c410404142434445464748494a4b4c4d4e4fc418f0f1f2f3f4f5f6" \
    "f7f8f9fafbfcfdfeff0001020304050607c4b2efc97e633fcf15d103d52d1c1fae951527baf6b45adfdefd01c142c85a" \
    "7a10c2e8349cad8b8126c43687d05ff222a2154c3dfb07e416723425db189536e0dec92c6206c2f60ee13e5454acff6c" \
    "2408338f9242a3dc93357bfc3a3a807af54c53687a38abcf81537edd3ca6672d44193958676e90799d4c45810461e16d" \
    "8629e71eb191b63f354cda3f3abd6492fc4184f6999444dc536f229c95a62e17b816ddcd05e2147bdafcb2e5532f6565" \
    "31e6f4601e"
/* its id */
#define VECTOR_ID_4 "cf27ee6dcd560b14fff9a83bfb1ba6f1e392dbc20efeeec390b5f46ce362bdf2"
/* hash of the site's empty log in epoch 1 */
#define VECTOR_LOG_0 "985848a26e843b5738cb92276bad934647a64a272681db0918b342625163e395"
/* after event 1 at position 1.1 */
#define VECTOR_LOG_1 "b5bf8fef8995aadf441b51b211322b3b20a44fe37c35b969992a4a9f14ae148d"
/* after event 2 at position 1.2 */
#define VECTOR_LOG_2 "5316e9b587f466c49fece7b9a83e59b91745be002b1fda80592a599117a9d01b"
/* the device over its stream up to event 2 */
#define VECTOR_SIGN_STREAM \
    "8daa76cb05d3c63ab6cf0e122d72808f34b91a7170cf39dd332f7e10a4cdff1d2b178c0a4f9209648e3b0b469d911d50" \
    "8dae367452203c5bf8242e0a21ab7005"
/* the hub: it holds the stream up to event 2 */
#define VECTOR_SIGN_RECEIPT \
    "e6fddd2dc05878bd6c4dd1f0261d58f5a4d310f66eb727871ea28ea7b8b201ee571a8a0a48bb1c30e37c717bec0f49d9" \
    "e6c26d4bd3872d264ed19f44c4513104"
/* the hub: the log at 1.2 */
#define VECTOR_SIGN_LOG_HEAD \
    "146cc35770e97c0e27b1eb1cb739af98d6d6103494cc9c6567a7c88be0774e5da196416255b578a4ae933410c87f2d91" \
    "6b469ff1d4a65fd3bed6f7fd947b7f05"
/* the device's X25519 secret key */
#define VECTOR_BOX_SECRET "1112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30"
/* its public key */
#define VECTOR_BOX_PUBLIC "4d27bcee3135c4944b28d27dd809b07be10c35160d20131caa7e85575498d07c"
/* the hub's X25519 secret key */
#define VECTOR_HUB_BOX_SECRET "7778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f90919293949596"
/* its public key */
#define VECTOR_HUB_BOX_PUBLIC "4eba782a2cb40e00bf2a5cb6cc0daf894fe096ee6f027006b5d0b65883d2bf29"
/* nonce of the key record */
#define VECTOR_BOX_NONCE "e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
/* the person's key, wrapped by the device for the hub */
#define VECTOR_KEY_RECORD \
    "95c410404142434445464748494a4b4c4d4e4f01c410404142434445464748494a4b4c4d4e4fa964616c652d65617374" \
    "c448e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff015377df97b51e8e76bd319a6d4f536d0d2e0f773007" \
    "f3af38b4ddcffde46fc2e7fc19293c2dbb41829b59e98ac90a7c"
/* a key of that person for the workers ash-grey and sam (kind 3; with the site key's id and bytes, for brevity),
 * wrapped in the same way */
#define VECTOR_RESTRICTED_KEY_RECORD \
    "96c410505152535455565758595a5b5c5d5e5f03c410404142434445464748494a4b4c4d4e4fa964616c652d65617374" \
    "92a86173682d67726579a373616dc448e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe1b3973f7755fe6e" \
    "965dd17a8dafb38dedceef97d0e7134fd8543d2f1d048f220cbb6fc07b2711631f83f666676c0959"
/* a hub's CURVE public key (made up) */
#define VECTOR_HUB_CURVE "333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152"
/* a ticket's CURVE secret key (made up) */
#define VECTOR_TICKET_CURVE "55565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f7071727374"
/* the ticket of that hub at tcp://hub.example:7411, good until 1767312000000 */
#define VECTOR_TICKET \
    "felloe1-lwG2dGNwOi8vaHViLmV4YW1wbGU6NzQxMcQgMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElKS0xNTk9QUVLEICmsuuFB" \
    "vMrwsi4alNNNC8c2HlJtC_4SyJeUvJMilm3XxCBVVldYWVpbXF1eX2BhYmNkZWZnaGlqa2xtbm9wcXJzdM8AAAGbfAEEAMQE" \
    "Zx56YQ"
/* the hub's terms: a lease of 72 h, its CURVE and X25519 keys, no auditors, nothing that changes */
#define VECTOR_TERMS \
    "9848c0c420333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152c4204eba782a2cb40e00bf" \
    "2a5cb6cc0daf894fe096ee6f027006b5d0b65883d2bf29c0c000c4406d3c4088ea4cfaf9c100cf1a5ac7741cdd6e6e6f" \
    "6b871cc3995b7aa9e236b1f4179333923d476be51271a627115dda1191c00a2f1fe089e7446d47e9aa60970c"
/* and with auditors (their key 32 times 0x61), other keys (0x62, 0x63) from 1768435200000 on */
#define VECTOR_TERMS_RENEWING \
    "9848c4206161616161616161616161616161616161616161616161616161616161616161c420333435363738393a3b3c" \
    "3d3e3f404142434445464748494a4b4c4d4e4f505152c4204eba782a2cb40e00bf2a5cb6cc0daf894fe096ee6f027006" \
    "b5d0b65883d2bf29c4206262626262626262626262626262626262626262626262626262626262626262c42063636363" \
    "63636363636363636363636363636363636363636363636363636363cf0000019bbef3b000c4400e049067b316310020" \
    "cdf2d4e5eeb5ce88deb82d938895cbd7f100dd80fbb1e055089cfb5ee66541d3936c97647b6b786b36645e8d0bd13d93" \
    "6151421687770e"

#endif
