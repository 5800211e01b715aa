#!/bin/sh
# Makes every clip of this folder with ffmpeg 5.1 or newer (and python3 for the camera's EXIF block).
# The clips are checked in; run this only to change them. See README.md.
set -eu
cd "$(dirname "$0")"
q="ffmpeg -nostdin -hide_banner -v error -y"

# A moving scene with a clock, so that a frame tells when it was taken: gradients pan, a test card runs.
scene() { # $1 size, $2 seconds, $3 rate
    echo "gradients=s=$1:c0=0x1b3a5c:c1=0xe8a33d:c2=0x3d7a4e:n=3:d=$2:r=$3:speed=0.02:seed=7[bg];\
testsrc2=s=qvga:d=$2:r=$3[card];\
[bg][card]overlay=x='(W-w)*(0.5+0.5*sin(t))':y='(H-h)*(0.5+0.5*cos(1.3*t))'"
}
# Speech-like sound: a gliding chord with syllables, other left than right.
sound="aevalsrc='0.25*sin(2*PI*220*t+16*sin(2*PI*0.5*t))*(0.55+0.45*sin(2*PI*3*t))|0.2*sin(2*PI*330*t)*(0.5+0.5*sin(2*PI*2*t))'\
:s=48000:c=stereo"
person="-metadata title=Harbour -metadata artist=Valet -metadata creation_time=2024-05-04T10:11:12Z \
-metadata location=+52.5163+013.3777/ -metadata location-eng=+52.5163+013.3777/"

# clip.mp4: what a camera writes. H.264 High with B-frames, AAC, index (moov) at the end, place and date.
$q -filter_complex "$(scene 640x360 6 25)[v];$sound,atrim=0:6[a]" -map '[v]' -map '[a]' \
    -c:v libx264 -profile:v high -preset slow -crf 27 -bf 3 -g 50 -pix_fmt yuv420p \
    -c:a aac -b:a 96k $person -f mp4 clip.mp4

# portrait.mov: a phone held upright. The pictures lie, a display matrix turns them.
$q -filter_complex "$(scene 360x640 3 30),transpose=cclock[v];$sound,atrim=0:3[a]" -map '[v]' -map '[a]' \
    -c:v libx264 -preset slow -crf 28 -pix_fmt yuv420p -c:a aac -b:a 64k -f mov turned.mov
$q -i turned.mov -c copy -metadata:s:v:0 rotate=270 $person -f mov portrait.mov
rm turned.mov

# clip.mkv: VP9 and Opus from a screen recorder, with chapters and a subtitle that must be dropped.
printf '1\n00:00:00,500 --> 00:00:02,000\nharbour\n' >words.srt
printf ';FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=Quay\n' >chapters.txt
$q -f lavfi -i "$(scene 480x270 4 30)" -f lavfi -i "$sound,atrim=0:4" -i words.srt -i chapters.txt \
    -map 0:v -map 1:a -map 2:s -map_metadata 3 -c:v libvpx-vp9 -crf 42 -b:v 0 -cpu-used 4 -pix_fmt yuv420p \
    -c:a libopus -b:a 48k -c:s srt -t 4 -f matroska clip.mkv
rm words.srt chapters.txt

# hdr.mp4: HDR10 as phones and cameras record it. 10 bit, BT.2020, PQ.
$q -f lavfi -i "$(scene 640x360 1 25),format=yuv420p,zscale=tin=bt709:min=bt709:pin=bt709:rin=tv:p=bt709:m=bt709:t=linear:npl=203,format=gbrpf32le,zscale=t=smpte2084:p=bt2020:m=bt2020nc:r=tv:npl=203,format=yuv420p10le" \
    -c:v libx265 -preset medium -crf 30 -tag:v hvc1 -x265-params \
    "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:max-cll=1000,400" \
    -f mp4 hdr.mp4

# odd.mkv: odd sizes, 4:4:4, no sound. FFV1 is lossless, so pictures can be compared.
$q -f lavfi -i "testsrc2=s=160x90:d=1:r=10,scale=161:91,format=yuv444p" -c:v ffv1 -pix_fmt yuv444p -f matroska odd.mkv

# anamorphic.ts: PAL broadcast. Interlaced MPEG-2, 16:9 in 720x576, MP2 sound.
$q -f lavfi -i "$(scene 720x576 2 50),tinterlace=mode=interleave_top,setsar=64/45" -f lavfi -i "$sound,atrim=0:2" \
    -c:v mpeg2video -flags +ilme+ildct -top 1 -q:v 22 -pix_fmt yuv420p -c:a mp2 -b:a 64k -t 2 -f mpegts anamorphic.ts

# clip.mp3: music with a cover picture, which is no video.
$q -f lavfi -i "testsrc2=s=120x120:d=1" -frames:v 1 -f image2 cover.jpg
$q -f lavfi -i "$sound,atrim=0:5" -i cover.jpg -map 0:a -map 1:v -c:a libmp3lame -b:a 64k -c:v copy \
    -disposition:v attached_pic -metadata title=Harbour -f mp3 clip.mp3
rm cover.jpg

# silence-and-tone.wav: 2 s of digital silence, 2 s of a loud tone, 1 s of silence; mono 16 kHz.
$q -f lavfi -i "aevalsrc='if(between(t,2,4),0.8*sin(2*PI*1000*t),0)':s=16000:d=5" -c:a pcm_s16le silence-and-tone.wav
# silence.wav: nothing to normalise.
$q -f lavfi -i "anullsrc=r=8000:cl=mono" -t 2 -c:a pcm_u8 silence.wav
# quiet.flac: the same sound 18 dB down, 44.1 kHz.
$q -f lavfi -i "$sound,atrim=0:5" -af "volume=-18dB,aresample=44100" -c:a flac quiet.flac

# photo.jpg: a camera's picture. It lies, EXIF orientation 6 turns it; maker, time and GPS place are in it.
$q -f lavfi -i "$(scene 600x800 1 1),transpose=cclock" -frames:v 1 -q:v 6 -f image2 flat.jpg
python3 - <<'EXIF'
import struct,sys
def ifd(entries, base):
    n=len(entries); data=b''; out=struct.pack('<H',n); off=base+2+12*n+4
    for tag,typ,cnt,val in entries:
        if isinstance(val,bytes):
            if len(val)<=4: v=val.ljust(4,b'\0')
            else: v=struct.pack('<I',off+len(data)); data+=val+(b'\0' if len(val)%2 else b'')
        else: v=struct.pack('<I',val)
        out+=struct.pack('<HHI',tag,typ,cnt)+v
    return out+struct.pack('<I',0)+data
src,dst,orient='flat.jpg','photo.jpg',6
j=open(src,'rb').read()
make=b'Valet Test Camera\0'
e0=[(0x010f,2,len(make),make),(0x0112,3,1,orient),(0x8825,4,1,0)]
sz=len(ifd(e0,8))
e0[2]=(0x8825,4,1,8+sz)
lat=struct.pack('<6I',52,1,31,1,0,1); lon=struct.pack('<6I',13,1,24,1,0,1)
gps=ifd([(1,2,2,b'N\0'),(2,5,3,lat),(3,2,2,b'E\0'),(4,5,3,lon)],8+sz)
tiff=b'II*\0'+struct.pack('<I',8)+ifd(e0,8)+gps
app=b'Exif\0\0'+tiff
out=j[:2]+b'\xff\xe1'+struct.pack('>H',len(app)+2)+app+j[2:]
open(dst,'wb').write(out)
EXIF
rm flat.jpg
# graphic.png: transparency.
$q -f lavfi -i "testsrc2=s=160x120:d=1" -frames:v 1 -vf "format=rgba,colorchannelmixer=aa=0.5" -f image2 graphic.png
ls -l
