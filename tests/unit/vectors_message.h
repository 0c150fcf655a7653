/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers for message headers, on top of those of vectors.h and computed apart from this code, too: they hold the
 * layout to what PROTOCOL.md says. A change here is a change of the protocol. */
#ifndef FELLOE_TESTS_VECTORS_MESSAGE_H
#define FELLOE_TESTS_VECTORS_MESSAGE_H

/* request 1; version 1, incarnation 1, challenge sixteen times 0x66, one site: own stream up to event 2, one event
 * waiting since 1767225600000, cursor at 1.1 */
#define VECTOR_HELLO \
    "97010101c4109d24e2eeaf27c2a088a564a32fc03a8801c410666666666666666666666666666666660196a964616c65" \
    "2d6561737402c420ad0f3cca970683e2404a37234353b239ab7c76436a9f4c9935ea29410ac7e95101cf0000019b76da" \
    "a800930101c420b5bf8fef8995aadf441b51b211322b3b20a44fe37c35b969992a4a9f14ae148d"
/* request 1; hub id sixteen times 0xbb, epoch 1, clock 1767225600000, one site (verdict 0, holds the stream up
 * to event 2, log at 1.2), one peer (sixteen times 0xcc, heard at 1767225600000, 3 waiting) */
#define VECTOR_WELCOME \
    "970201c410bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb01cf0000019b76daa800010198a964616c652d65617374000002c4" \
    "20ad0f3cca970683e2404a37234353b239ab7c76436a9f4c9935ea29410ac7e951c440e6fddd2dc05878bd6c4dd1f026" \
    "1d58f5a4d310f66eb727871ea28ea7b8b201ee571a8a0a48bb1c30e37c717bec0f49d9e6c26d4bd3872d264ed19f44c4" \
    "513104010293c410cccccccccccccccccccccccccccccccccf0000019b76daa80003"
/* request 2; events 1 and 2 and one key record, signed over event 2. Its body is the key record, event 1, event
 * 2, back to back */
#define VECTOR_PUSH \
    "980302a964616c652d6561737401010201c4408daa76cb05d3c63ab6cf0e122d72808f34b91a7170cf39dd332f7e10a4" \
    "cdff1d2b178c0a4f9209648e3b0b469d911d508dae367452203c5bf8242e0a21ab7005"
/* request 2; durable up to event 2; events 1 and 2 are at 1.1 and 1.2; no key is missing */
#define VECTOR_RECEIPT \
    "990402a964616c652d656173740102c420ad0f3cca970683e2404a37234353b239ab7c76436a9f4c9935ea29410ac7e9" \
    "51c440e6fddd2dc05878bd6c4dd1f0261d58f5a4d310f66eb727871ea28ea7b8b201ee571a8a0a48bb1c30e37c717bec" \
    "0f49d9e6c26d4bd3872d264ed19f44c4513104940101010290"
/* request 3; after 1.1, at most 16384 bytes, wait 20000 ms, nothing waiting */
#define VECTOR_PULL "980503a964616c652d65617374920101cd4000cd4e200000"
/* request 3; one entry at 1.2, no key, the head at 1.2. Its body, to the device that wrote event 2, is a marker */
#define VECTOR_FEED \
    "9d0603a964616c652d65617374010201000102c4205316e9b587f466c49fece7b9a83e59b91745be002b1fda80592a59" \
    "9117a9d01bc440146cc35770e97c0e27b1eb1cb739af98d6d6103494cc9c6567a7c88be0774e5da196416255b578a4ae" \
    "933410c87f2d916b469ff1d4a65fd3bed6f7fd947b7f050102"
/* request 4; two key ids */
#define VECTOR_KEYS \
    "940704a964616c652d6561737492c410404142434445464748494a4b4c4d4e4fc410505152535455565758595a5b5c5d" \
    "5e5f"
/* request 6; of that device at that hub: its X25519 key 32 times 0x64, its CURVE key 32 times 0x65 from now on; and the
 * answer */
#define VECTOR_REKEY \
    "950e06c4206464646464646464646464646464646464646464646464646464646464646464c420656565656565656565" \
    "6565656565656565656565656565656565656565656565c440af12edcc1fdab428aae235816e032314939f9450a0a50a" \
    "527efa9f9c5c1180085bfc6c775809ac4c12213bf35e441ac67c798256b04444b62303b0816686bb0d"
#define VECTOR_REKEYED "920f06"
/* request 5; busy, about no site */
#define VECTOR_REFUSED "950d0509a0b054727920616761696e206c617465722e"
/* request 5; what was pushed is kept aside, the stream up to event 2 is there */
#define VECTOR_KEPT_ASIDE \
    "970d050ba964616c652d65617374ab4b6570742061736964652e02c420ad0f3cca970683e2404a37234353b239ab7c76" \
    "436a9f4c9935ea29410ac7e951"
/* the marker of event 2 in that FEED */
#define VECTOR_MARKER "930102c420ad0f3cca970683e2404a37234353b239ab7c76436a9f4c9935ea29410ac7e951"

#endif
